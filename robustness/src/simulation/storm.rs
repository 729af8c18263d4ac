//! What a seed brings: how long, how many, and which faults how often.

use super::chance::Chance;
use super::member::Settings;
use super::network::{MILLI, Nanos, Weather};

/// How often a fault comes, per simulated second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub kill: f64,
    pub power_loss: f64,
    /// Power goes in the middle of what the disk does.
    pub power_loss_at_write: f64,
    /// The process ends in the middle of what it writes.
    pub kill_at_write: f64,
    pub total_power_loss: f64,
    pub sync_error: f64,
    pub disk_full: f64,
    pub slow_disk: f64,
    pub freeze: f64,
    pub isolate: f64,
    pub cut_one_way: f64,
    pub mend: f64,
    pub stop_in_order: f64,
    pub move_leader: f64,
    pub change_members: f64,
}

/// A seed's run.
#[derive(Clone, Debug)]
pub struct Storm {
    pub members: usize,
    pub clients: u64,
    pub watchers: u64,
    pub keys: u64,
    pub lasts: Nanos,
    /// Simulated time between two looks.
    pub step: Nanos,
    pub weather: Weather,
    pub rates: Rates,
    pub settings: Settings,
    /// How far clocks may be off, in thousandths.
    pub drift: u64,
    /// How long a write of the disk takes usually, at most.
    pub disk_takes: Nanos,
    /// Milliseconds that a client pauses between requests, at most.
    pub pause_ms: u64,
}

/// The least and the most that a fault may come, per second, where it comes at all.
const RARELY: f64 = 0.1;
const OFTEN: f64 = 1.2;

impl Storm {
    /// What `seed` brings. Every seed has only some of the faults, so that each is seen without the
    /// others, too.
    pub fn of(seed: u64, members: Option<usize>) -> Self {
        let mut chance = Chance::of(seed, "storm");
        let chosen = *chance.pick(&[3, 3, 5]).expect("there are some");
        let mut rate = |share: f64| {
            if !chance.happens(share) {
                return 0.0;
            }
            RARELY + (OFTEN - RARELY) * (chance.within(0..1000) as f64 / 1000.0)
        };
        let rates = Rates {
            kill: rate(0.4),
            power_loss: rate(0.4),
            power_loss_at_write: rate(0.5),
            kill_at_write: rate(0.35),
            total_power_loss: rate(0.25) / 3.0,
            sync_error: rate(0.2),
            disk_full: rate(0.15) / 2.0,
            slow_disk: rate(0.25),
            freeze: rate(0.25),
            isolate: rate(0.4),
            cut_one_way: rate(0.35),
            mend: 0.8,
            stop_in_order: rate(0.2),
            move_leader: rate(0.25),
            change_members: rate(0.25) / 2.0,
        };
        let spiky = chance.happens(0.4);
        let weather = Weather {
            delay: chance.magnitude(MILLI / 5..8 * MILLI),
            spikes: if spiky { 0.02 } else { 0.0 },
            spike: chance.magnitude(20 * MILLI..600 * MILLI),
            losses: if chance.happens(0.4) { chance.within(1..40) as f64 / 1000.0 } else { 0.0 },
            repeats: if chance.happens(0.5) { 0.05 } else { 0.0 },
        };
        Self {
            members: members.unwrap_or(chosen),
            clients: chance.within(2..7),
            watchers: chance.within(1..4),
            keys: chance.within(3..12),
            lasts: chance.within(4_000..12_000) * MILLI,
            step: *chance.pick(&[MILLI, 2 * MILLI, 4 * MILLI]).expect("there are some"),
            weather,
            rates,
            settings: Settings {
                snapshot_count: chance.magnitude(15..400),
                catchup_entries: chance.magnitude(1..100),
            },
            drift: if chance.happens(0.4) { chance.within(10..250) } else { 0 },
            disk_takes: chance.magnitude(MILLI / 10..6 * MILLI),
            pause_ms: chance.magnitude(1..60),
        }
    }
}
