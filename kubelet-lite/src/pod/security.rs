//! A container's security settings: its own over its pod's. Pure.
//!
//! What the runtime could not enforce is refused: a container that asks for protection must not run
//! without it.

use super::types::{Container as Spec, Pod, PodSecurityContext, Profile, SecurityContext};
use crate::runtime::{Image, Security};

/// Errors are words for `CreateContainerConfigError`.
pub fn security(
    pod: &Pod,
    spec: &Spec,
    image: &Image,
    applies_seccomp: bool,
) -> Result<Security, String> {
    let (none, no_pod) = (SecurityContext::default(), PodSecurityContext::default());
    let own = spec.security_context.as_deref().unwrap_or(&none);
    let of_pod = pod.spec.security_context.as_deref().unwrap_or(&no_pod);
    let seccomp = own.seccomp_profile.as_ref().or(of_pod.seccomp_profile.as_ref());
    if let Some(profile) = asked(seccomp).filter(|_| !applies_seccomp) {
        return Err(format!("seccomp profile {profile} cannot be applied by this runtime"));
    }
    let app_armor = own.app_armor_profile.as_ref().or(of_pod.app_armor_profile.as_ref());
    if let Some(profile) = asked(app_armor) {
        return Err(format!("AppArmor profile {profile} cannot be applied by this runtime"));
    }
    if let Some(kind) = own.proc_mount.as_deref().filter(|kind| *kind != "Default") {
        return Err(format!("procMount {kind} is not supported yet"));
    }
    let run_as_user = own.run_as_user.or(of_pod.run_as_user);
    let run_as_non_root = own.run_as_non_root.or(of_pod.run_as_non_root).unwrap_or(false);
    if run_as_non_root {
        check_non_root(run_as_user, image)?;
    }
    let mut supplemental_groups = of_pod.supplemental_groups.clone();
    supplemental_groups.extend(of_pod.fs_group);
    let capabilities = own.capabilities.clone().unwrap_or_default();
    Ok(Security {
        privileged: own.privileged.unwrap_or(false),
        run_as_user,
        run_as_group: own.run_as_group.or(of_pod.run_as_group),
        run_as_non_root,
        supplemental_groups,
        readonly_rootfs: own.read_only_root_filesystem.unwrap_or(false),
        no_new_privs: own.allow_privilege_escalation == Some(false),
        add_capabilities: capabilities.add,
        drop_capabilities: capabilities.drop,
    })
}

fn asked(profile: Option<&Profile>) -> Option<&str> {
    profile.map(|profile| profile.kind.as_str()).filter(|kind| !matches!(*kind, "" | "Unconfined"))
}

fn check_non_root(run_as_user: Option<i64>, image: &Image) -> Result<(), String> {
    match (run_as_user, image.uid, image.username.as_deref()) {
        (Some(0), _, _) => Err("container's runAsUser breaks non-root policy".to_owned()),
        (Some(_), _, _) => Ok(()),
        (None, Some(0), _) => {
            Err("container has runAsNonRoot and image will run as root".to_owned())
        }
        (None, Some(_), _) => Ok(()),
        (None, None, Some(name)) if !name.is_empty() => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root"
        )),
        (None, None, _) => Err("container has runAsNonRoot and image will run as root".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_containers_own_word_wins_and_the_impossible_is_refused() {
        let image = |uid, username: Option<&str>| Image {
            id: String::new(),
            tags: vec![],
            digests: vec![],
            size_bytes: 0,
            uid,
            username: username.map(str::to_owned),
        };
        let root = image(None, None);
        let check = |of_pod: serde_json::Value, own: serde_json::Value, image: &Image| {
            let pod: Pod = serde_json::from_value(json!({"spec": {
                "securityContext": of_pod, "containers": [{"name": "c", "securityContext": own}]}}))
            .expect("a pod");
            security(&pod, &pod.spec.containers[0], image, false)
        };
        let got = check(
            json!({"runAsUser": 5, "runAsGroup": 6, "fsGroup": 7}),
            json!({"runAsUser": 8, "allowPrivilegeEscalation": false}),
            &root,
        )
        .expect("allowed");
        assert_eq!((got.run_as_user, got.run_as_group), (Some(8), Some(6)));
        assert_eq!((got.supplemental_groups, got.no_new_privs), (vec![7], true));
        let refused = [
            (json!({"seccompProfile": {"type": "RuntimeDefault"}}), &root, "seccomp profile"),
            (json!({"appArmorProfile": {"type": "Localhost"}}), &root, "AppArmor profile"),
            (json!({"procMount": "Unmasked"}), &root, "procMount"),
            (json!({"runAsNonRoot": true}), &root, "will run as root"),
            (json!({"runAsNonRoot": true}), &image(None, Some("web")), "non-numeric user (web)"),
            (json!({"runAsNonRoot": true, "runAsUser": 0}), &root, "breaks non-root policy"),
        ];
        for (own, image, wanted) in refused {
            let error = check(json!({}), own.clone(), image).expect_err("refused");
            assert!(error.contains(wanted), "{own}: {error}");
        }
        assert!(check(json!({"seccompProfile": {"type": "Unconfined"}}), json!({}), &root).is_ok());
        assert!(check(json!({"runAsNonRoot": true}), json!({}), &image(Some(9), None)).is_ok());
    }
}
