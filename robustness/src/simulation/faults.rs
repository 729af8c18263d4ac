//! Does to members, disks and wires what the storm brings.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use store::InitialState;

use super::chance::Chance;
use super::disk::{self, Down};
use super::invariants::Invariants;
use super::member::{Member, Pace, Seen, Surroundings, named};
use super::network::{Here, Job, MILLI, Nanos, Wires};
use super::storm::Rates;
use crate::history::Recorder;

/// A member that is down starts again within this.
const LONGEST_DOWN: Nanos = 2500 * MILLI;
/// A process stands still for so long at most.
const LONGEST_FREEZE: Nanos = 3000 * MILLI;
/// Of the writes to come, one at which the power goes, or the process.
const ENDS_WITHIN: u64 = 120;
/// A process that ended at a write is back within this, and its machine may lose power soon after:
/// before what it left in the cache is synced.
const SOON_BACK: Nanos = 100 * MILLI;
const SOON_AFTER: Nanos = 600 * MILLI;
/// Members that are added to a cluster during one run.
const MAX_ADDED: usize = 3;
/// A disk that is slow takes so many times as long.
const SLOW_FACTOR: u64 = 100;

/// The faults of one run.
pub struct Faults {
    chance: Chance,
    rates: Rates,
    drift: u64,
    recorder: Arc<Recorder>,
    /// When members that are down start again.
    starts: Vec<(Nanos, String)>,
    /// When machines lose power.
    power_goes: Vec<(Nanos, String)>,
    /// When a full disk has space again.
    space_at: Vec<(Nanos, String)>,
    added: usize,
    /// How slow disks are, shared with the pace of work.
    slowness: Arc<AtomicU64>,
    slow_until: Nanos,
    pub count: u64,
    directory: String,
}

/// What faults are done to.
pub struct Scene<'s> {
    pub now: Nanos,
    pub members: &'s mut Vec<Member>,
    pub wires: &'s Wires,
    pub around: &'s Surroundings,
    pub invariants: &'s mut Invariants,
}

impl Faults {
    pub fn new(
        chance: Chance,
        rates: Rates,
        drift: u64,
        recorder: Arc<Recorder>,
        slowness: Arc<AtomicU64>,
        directory: &Path,
    ) -> Self {
        Self {
            directory: directory.display().to_string(),
            chance,
            rates,
            drift,
            recorder,
            starts: Vec::new(),
            power_goes: Vec::new(),
            space_at: Vec::new(),
            added: 0,
            slowness,
            slow_until: 0,
            count: 0,
        }
    }

    fn note(&mut self, text: String) {
        // Where files lie differs from run to run.
        let text = text.replace(&self.directory, "");
        tracing::info!("fault: {text}");
        self.count += 1;
        self.recorder.fault(text);
    }

    /// A clock that is off by chance.
    pub fn pace(&mut self) -> Pace {
        let off = self.chance.within(0..2 * self.drift + 1);
        Pace { permille: 1000 + off - self.drift }
    }

    fn down_for(&mut self, scene: &Scene<'_>, name: &str) {
        let until = scene.now + self.chance.magnitude(MILLI..LONGEST_DOWN);
        self.starts.push((until, name.to_owned()));
    }

    /// Deals with members that have ended by themselves, and starts those whose time has come.
    pub fn tend(&mut self, scene: &mut Scene<'_>) -> std::io::Result<()> {
        for at in 0..scene.members.len() {
            let name = scene.members[at].name.clone();
            match scene.members[at].seen() {
                Seen::Ended(reason) => {
                    self.note(format!("{name} ended: {reason}"));
                    scene.members[at].kill();
                    scene.invariants.forget(&name);
                    if reason.contains("removed from the cluster") {
                        scene.members[at].removed = true;
                    } else {
                        self.down_for(scene, &name);
                    }
                }
                // One that cannot join yet, or whose disk is full, tries again.
                Seen::Refused(reason) => {
                    self.note(format!("{name} did not start: {reason}"));
                    scene.members[at].kill();
                    self.down_for(scene, &name);
                }
                Seen::Down | Seen::Opening | Seen::Running => {}
            }
        }
        let now = scene.now;
        for (_, name) in self.starts.extract_if(.., |(at, _)| *at <= now) {
            if let Some(member) = scene.members.iter_mut().find(|member| member.name == name)
                && !member.removed
            {
                tracing::info!("{name} starts");
                member.start()?;
            }
        }
        for (_, name) in self.space_at.extract_if(.., |(at, _)| *at <= now) {
            if let Some(member) = scene.members.iter().find(|member| member.name == name) {
                let faults = member.disk.faults();
                member.disk.set_faults(disk::Faults { full: false, ..faults });
            }
        }
        if self.slow_until <= now {
            self.slowness.store(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// A machine lost power, or a process ended, in the middle of a write.
    pub fn ended_at_write(&mut self, scene: &mut Scene<'_>, at: usize) -> std::io::Result<()> {
        let name = scene.members[at].name.clone();
        scene.invariants.forget(&name);
        if scene.members[at].disk.down() == Some(Down::Power) {
            self.note(format!("{name} lost power while it wrote"));
            scene.members[at].lose_power()?;
            self.down_for(scene, &name);
            return Ok(());
        }
        self.note(format!("{name} was killed while it wrote"));
        scene.members[at].kill();
        let back = scene.now + self.chance.magnitude(MILLI..SOON_BACK);
        if self.chance.happens(0.6) {
            let goes = back + self.chance.magnitude(MILLI..SOON_AFTER);
            self.power_goes.push((goes, name.clone()));
        }
        self.starts.push((back, name));
        Ok(())
    }

    /// Lets happen what happens in `elapsed`.
    pub fn strike(&mut self, scene: &mut Scene<'_>, elapsed: Nanos) -> std::io::Result<()> {
        let seconds = elapsed as f64 / 1e9;
        let rates = self.rates;
        if self.chance.happens(rates.kill * seconds) {
            let at = self.victim(scene);
            self.take_down(scene, at, false)?;
        }
        if self.chance.happens(rates.power_loss * seconds) {
            let at = self.victim(scene);
            self.take_down(scene, at, true)?;
        }
        if self.chance.happens(rates.total_power_loss * seconds) {
            self.note("all machines lose power".into());
            for at in 0..scene.members.len() {
                self.take_down(scene, at, true)?;
            }
        }
        if self.chance.happens(rates.power_loss_at_write * seconds) {
            self.end_at_write(scene, Down::Power);
        }
        if self.chance.happens(rates.kill_at_write * seconds) {
            self.end_at_write(scene, Down::Process);
        }
        let now = scene.now;
        let going: Vec<_> = self.power_goes.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, name) in going {
            if let Some(at) = scene.members.iter().position(|member| member.name == name) {
                self.take_down(scene, at, true)?;
            }
        }
        if self.chance.happens(rates.sync_error * seconds) {
            let at = self.victim(scene);
            let failing = &scene.members[at].disk;
            failing.set_faults(disk::Faults { sync_fails: true, ..failing.faults() });
            self.note(format!("the next sync of {} fails", scene.members[at].name));
        }
        if self.chance.happens(rates.disk_full * seconds) {
            let at = self.victim(scene);
            let (name, full) = (scene.members[at].name.clone(), &scene.members[at].disk);
            full.set_faults(disk::Faults { full: true, ..full.faults() });
            let until = scene.now + self.chance.within(200..3000) * MILLI;
            self.note(format!("the disk of {name} is full"));
            self.space_at.push((until, name));
        }
        if self.chance.happens(rates.slow_disk * seconds) {
            self.slowness.store(self.chance.magnitude(2..SLOW_FACTOR), Ordering::SeqCst);
            self.slow_until = scene.now + self.chance.within(100..2000) * MILLI;
            self.note("disks are slow".into());
        }
        if self.chance.happens(rates.freeze * seconds) {
            let at = self.victim(scene);
            let until = scene.now + self.chance.magnitude(10 * MILLI..LONGEST_FREEZE);
            scene.members[at].freeze(until);
            self.note(format!("{} stands still", scene.members[at].name));
        }
        self.strike_wires(scene, seconds);
        self.strike_orderly(scene, seconds)
    }

    fn end_at_write(&mut self, scene: &mut Scene<'_>, what: Down) {
        let at = self.victim(scene);
        let after = self.chance.within(0..ENDS_WITHIN);
        let ending = &scene.members[at].disk;
        ending.set_faults(disk::Faults { ends_after: Some((what, after)), ..ending.faults() });
    }

    fn strike_wires(&mut self, scene: &mut Scene<'_>, seconds: f64) {
        let rates = self.rates;
        let names: Vec<(String, String)> =
            scene.members.iter().map(|member| (member.name.clone(), member.url.clone())).collect();
        if self.chance.happens(rates.isolate * seconds) {
            let at = self.victim(scene);
            let (name, url) = &names[at];
            for (_, other) in names.iter().filter(|(_, other)| other != url) {
                scene.wires.cut(url, other);
                scene.wires.cut(other, url);
            }
            self.note(format!("{name} is cut off"));
        }
        if self.chance.happens(rates.cut_one_way * seconds) && names.len() > 1 {
            let (from, to) = (self.chance.index(names.len()), self.chance.index(names.len()));
            if from != to {
                scene.wires.cut(&names[from].1, &names[to].1);
                self.note(format!("nothing gets from {} to {}", names[from].0, names[to].0));
            }
        }
        if scene.wires.cuts() > 0 && self.chance.happens(rates.mend * seconds) {
            scene.wires.mend_all();
            self.note("all lines are mended".into());
        }
    }

    fn strike_orderly(&mut self, scene: &mut Scene<'_>, seconds: f64) -> std::io::Result<()> {
        let rates = self.rates;
        if self.chance.happens(rates.stop_in_order * seconds) {
            let at = self.victim(scene);
            self.note(format!("{} is stopped", scene.members[at].name));
            scene.members[at].stop_in_order();
        }
        if self.chance.happens(rates.move_leader * seconds) {
            let to = self.victim(scene);
            if let Some(to) = scene.members[to].facts().map(|facts| facts.member_id) {
                self.note(format!("leadership is to go to {to:x}"));
                for member in scene.members.iter().filter(|member| member.store().is_some()) {
                    let job: Job = Box::new(move |here: Here| -> BoxFuture<'static, ()> {
                        Box::pin(async move { drop(here.store.move_leader(to).await) })
                    });
                    drop(scene.wires.run_at(&member.url, job));
                }
            }
        }
        if self.chance.happens(rates.change_members * seconds) {
            self.change_members(scene)?;
        }
        Ok(())
    }

    /// Any member that is not gone for good, the leader as often as all others together.
    fn victim(&mut self, scene: &Scene<'_>) -> usize {
        let leader =
            scene.members.iter().position(|member| member.facts().is_some_and(|facts| facts.leads));
        match leader {
            Some(leader) if self.chance.happens(0.5) => leader,
            Some(_) | None => self.chance.index(scene.members.len()),
        }
    }

    fn take_down(&mut self, scene: &mut Scene<'_>, at: usize, power: bool) -> std::io::Result<()> {
        let member = &mut scene.members[at];
        if member.seen() == Seen::Down {
            return Ok(());
        }
        let name = member.name.clone();
        if power {
            member.lose_power()?;
        } else {
            member.kill();
        }
        scene.invariants.forget(&name);
        self.note(format!("{name} {}", if power { "loses power" } else { "is killed" }));
        self.down_for(scene, &name);
        Ok(())
    }

    /// Adds a member, promotes a learner, or removes one that was added.
    fn change_members(&mut self, scene: &mut Scene<'_>) -> std::io::Result<()> {
        let running: Vec<String> = scene
            .members
            .iter()
            .filter(|member| member.seen() == Seen::Running && !member.removed)
            .map(|member| member.url.clone())
            .collect();
        let Some(asked) = self.chance.pick(&running).cloned() else { return Ok(()) };
        let extra: Vec<usize> = (0..scene.members.len())
            .filter(|at| !scene.members[*at].founder && !scene.members[*at].removed)
            .collect();
        if extra.is_empty() && self.added < MAX_ADDED {
            self.added += 1;
            let name = format!("n{}", self.added);
            let is_learner = self.chance.happens(0.5);
            self.note(format!("{name} is added, as a learner: {is_learner}"));
            let urls = named(&name).peer_urls;
            let adding = urls.clone();
            let job: Job = Box::new(move |here: Here| -> BoxFuture<'static, ()> {
                Box::pin(async move { drop(here.store.member_add(&adding, is_learner).await) })
            });
            drop(scene.wires.run_at(&asked, job));
            let mut initial: Vec<_> = scene
                .members
                .iter()
                .filter(|member| !member.removed)
                .map(|member| named(&member.name))
                .collect();
            initial.push(named(&name));
            let mut member = Member::new(scene.around, &name, initial, InitialState::Existing)?;
            member.pace = self.pace();
            scene.members.push(member);
            self.down_for(scene, &name);
            return Ok(());
        }
        let Some(at) = self.chance.pick(&extra).copied() else { return Ok(()) };
        let Some(id) = scene.members[at].facts().map(|facts| facts.member_id) else {
            return Ok(());
        };
        let promotes = self.chance.happens(0.5);
        let what = if promotes { "promoted" } else { "removed" };
        self.note(format!("{} is to be {what}", scene.members[at].name));
        let job: Job = Box::new(move |here: Here| -> BoxFuture<'static, ()> {
            Box::pin(async move {
                if promotes {
                    drop(here.store.member_promote(id).await);
                } else {
                    drop(here.store.member_remove(id).await);
                }
            })
        });
        drop(scene.wires.run_at(&asked, job));
        Ok(())
    }

    /// No more faults: all is mended, and every member starts.
    pub fn end(&mut self, scene: &mut Scene<'_>) -> std::io::Result<()> {
        self.rates = Rates::default();
        self.slowness.store(1, Ordering::SeqCst);
        self.slow_until = 0;
        self.starts.clear();
        self.power_goes.clear();
        self.space_at.clear();
        scene.wires.mend_all();
        scene.wires.clear_up();
        self.note("the storm is over".into());
        for at in 0..scene.members.len() {
            let member = &mut scene.members[at];
            member.disk.set_faults(disk::Faults::default());
            if !member.removed && member.seen() == Seen::Down {
                member.start()?;
            }
        }
        Ok(())
    }
}
