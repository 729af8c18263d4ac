//! How far a rolling update may go above and below the desired number.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::objects::Deployment;

/// Surge and unavailability in Pods. Surge rounds up, unavailability down; both zero would never get
/// anywhere, so one may then be unavailable.
fn fenceposts(deployment: &Deployment) -> (i32, i32) {
    let bounds = &deployment.spec.strategy.rolling_update;
    let replicas = deployment.replicas();
    let surge = scaled(bounds.max_surge.as_ref(), replicas, Rounding::Up);
    let unavailable = scaled(bounds.max_unavailable.as_ref(), replicas, Rounding::Down);
    match (surge, unavailable) {
        (0, 0) => (0, 1),
        bounds => bounds,
    }
}

/// Pods above the desired number; none unless it rolls.
pub fn max_surge(deployment: &Deployment) -> i32 {
    if deployment.is_rolling() { fenceposts(deployment).0 } else { 0 }
}

/// Desired Pods that may be missing; none unless it rolls, never more than there are.
pub fn max_unavailable(deployment: &Deployment) -> i32 {
    if !deployment.is_rolling() || deployment.replicas() == 0 {
        return 0;
    }
    fenceposts(deployment).1.min(deployment.replicas())
}

#[derive(Clone, Copy)]
enum Rounding {
    Up,
    Down,
}

fn scaled(bound: Option<&IntOrString>, replicas: i32, rounding: Rounding) -> i32 {
    match bound {
        None => 0,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(text)) => {
            // Validation admits nothing but percentages here.
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let hundredths = percent * i64::from(replicas);
            let whole = match rounding {
                Rounding::Up => {
                    hundredths.div_euclid(100) + i64::from(hundredths.rem_euclid(100) > 0)
                }
                Rounding::Down => hundredths.div_euclid(100),
            };
            i32::try_from(whole).unwrap_or(i32::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_apart() {
        let percent = |text: &str| Some(IntOrString::String(text.to_owned()));
        let number = |number| Some(IntOrString::Int(number));
        let cases = [
            (3, percent("25%"), percent("25%"), (1, 0)),
            (4, percent("25%"), percent("25%"), (1, 1)),
            (10, percent("25%"), percent("25%"), (3, 2)),
            (1, percent("0%"), percent("25%"), (0, 1)),
            (3, number(0), number(0), (0, 1)),
            (3, number(2), number(0), (2, 0)),
            (2, number(0), number(5), (0, 2)),
            (0, percent("25%"), percent("25%"), (0, 0)),
        ];
        for (replicas, surge, unavailable, expected) in cases {
            let mut deployment = Deployment::default();
            deployment.spec.replicas = Some(replicas);
            deployment.spec.strategy.rolling_update.max_surge = surge.clone();
            deployment.spec.strategy.rolling_update.max_unavailable = unavailable.clone();
            let bounds = (max_surge(&deployment), max_unavailable(&deployment));
            assert_eq!(bounds, expected, "{replicas} {surge:?} {unavailable:?}");
            deployment.spec.strategy.kind = "Recreate".to_owned();
            assert_eq!((max_surge(&deployment), max_unavailable(&deployment)), (0, 0));
        }
    }
}
