//! All members together: founding, health, mending, replacing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::member::Start;
use super::{Admin, Binary, ClusterError, Health, Member, Pki};
use crate::chaos::disk::FaultLibrary;
use crate::chaos::network::Network;

/// A cluster that is whole again within this has recovered: elections, a snapshot to whoever lags,
/// and a busy machine.
const RECOVERY: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// How a cluster is founded.
#[derive(Clone, Debug)]
pub struct Founding {
    pub members: usize,
    pub binary: Binary,
    /// Off: members acknowledge what the disk does not have.
    pub fsync: bool,
}

/// The cluster under test.
pub struct Cluster {
    pub members: Vec<Member>,
    pub network: Network,
    pub pki: std::sync::Arc<Pki>,
    founding: Founding,
    library: FaultLibrary,
    /// Names given so far to members that took another's place.
    replaced: usize,
}

impl Cluster {
    /// Makes everything below `directory`, with logs in `logs`, and starts nothing.
    pub fn create(directory: &Path, logs: &Path, founding: Founding) -> Result<Self, ClusterError> {
        // As the fault library sees it, which knows directories by their true names.
        let directory = &directory.canonicalize().map_err(|source| ClusterError::Io {
            action: "find",
            path: directory.to_owned(),
            source,
        })?;
        let network = Network::build(founding.members)?;
        let pki = Pki::create(&directory.join("pki"), founding.members)?;
        let library = FaultLibrary::compile(directory)?;
        let members = (0..founding.members)
            .map(|slot| Member::create(directory, logs, slot, &format!("m{slot}")))
            .collect::<Result<_, _>>()?;
        let pki = std::sync::Arc::new(pki);
        Ok(Self { members, network, pki, founding, library, replaced: 0 })
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn slots(&self) -> Vec<usize> {
        (0..self.len()).collect()
    }

    pub fn names(&self, slots: &[usize]) -> String {
        slots.iter().map(|slot| self.members[*slot].name.as_str()).collect::<Vec<_>>().join(", ")
    }

    pub fn logs(&self) -> Vec<PathBuf> {
        self.members.iter().map(|member| member.log().to_owned()).collect()
    }

    /// Starts the process of a member that is in the cluster.
    pub fn start(&mut self, slot: usize) -> Result<(), ClusterError> {
        self.start_as(slot, false)
    }

    fn start_as(&mut self, slot: usize, existing: bool) -> Result<(), ClusterError> {
        let cluster: Vec<String> = self
            .members
            .iter()
            .map(|member| format!("{}={}", member.name, member.peer_url()))
            .collect();
        let start = Start {
            binary: &self.founding.binary,
            library: &self.library,
            pki: &self.pki,
            network: &self.network,
            initial_cluster: &cluster.join(","),
            existing,
            fsync: self.founding.fsync,
        };
        self.members[slot].start(&start)
    }

    /// Undoes what faults have done to network, disks and processes.
    pub fn mend(&mut self) -> Result<(), ClusterError> {
        self.network.heal()?;
        for slot in self.slots() {
            let member = &mut self.members[slot];
            member.controls.heal()?;
            member.volume.free()?;
            member.resume()?;
            if !member.is_running()? {
                self.start(slot)?;
            }
        }
        Ok(())
    }

    /// [`Cluster::mend`], and waits until all members agree on a leader, have applied what it had,
    /// and answer linearizable reads. A member that ended meanwhile, say because it was hit before
    /// it was mended, is started again; a member that cannot stay up keeps the cluster from
    /// recovering.
    pub async fn recover(&mut self) -> Result<(), ClusterError> {
        let deadline = Instant::now() + RECOVERY;
        self.mend()?;
        loop {
            let Err(error) = self.whole().await else { return Ok(()) };
            if Instant::now() >= deadline {
                let reason = error.to_string();
                return Err(ClusterError::NotRecovered { seconds: RECOVERY.as_secs(), reason });
            }
            tokio::time::sleep(LOOK).await;
            self.mend()?;
        }
    }

    async fn whole(&self) -> Result<(), ClusterError> {
        let mut told = Vec::new();
        for slot in self.slots() {
            told.push((slot, self.health(slot).await?));
        }
        let leader = told[0].1.leader;
        let most = told.iter().map(|(_, health)| health.applied).max().unwrap_or_default();
        for (slot, health) in told {
            let member = &self.members[slot];
            if health.leader == 0 || health.leader != leader || health.is_learner {
                return Err(member.misbehaved("does not agree on who leads"));
            }
            let admin = self.admin(slot).await?;
            admin.linearizable_read().await?;
            if admin.health().await?.applied < most {
                return Err(member.misbehaved("has not applied what others had"));
            }
        }
        self.admin(0).await?.disarm().await?;
        Ok(())
    }

    pub async fn admin(&self, slot: usize) -> Result<Admin, ClusterError> {
        let member = &self.members[slot];
        Admin::connect(&member.name, &member.client_url(), &self.pki.client()).await
    }

    pub async fn health(&self, slot: usize) -> Result<Health, ClusterError> {
        self.admin(slot).await?.health().await
    }

    /// The slot of the leader, as the members say.
    pub async fn leader(&self) -> Result<usize, ClusterError> {
        let mut ids = Vec::new();
        for slot in self.slots() {
            ids.push(self.health(slot).await?);
        }
        let leads = |health: &Health| health.member_id == ids[0].leader;
        ids.iter().position(leads).ok_or_else(|| self.members[0].misbehaved("follows nobody"))
    }

    /// Has a member with nothing on its disk take the place of one that is lost for good.
    pub async fn replace(&mut self, slot: usize) -> Result<(), ClusterError> {
        let other = (slot + 1) % self.len();
        let id = self.health(slot).await?.member_id;
        self.members[slot].wipe()?;
        let peer_url = self.members[slot].peer_url();
        let present = |members: &[store_proto::etcdserverpb::Member], id: u64| {
            members.iter().any(|member| member.id == id)
        };
        let deadline = Instant::now() + RECOVERY;
        // The first try may fall on the time without a leader, or be done without being answered.
        let mut removed = false;
        loop {
            let tried = async {
                let admin = self.admin(other).await?;
                let members = admin.members().await?;
                if !removed && present(&members, id) {
                    admin.member_remove(id).await?;
                }
                removed = true;
                let joined = |member: &store_proto::etcdserverpb::Member| {
                    member.id != id && member.peer_ur_ls.contains(&peer_url)
                };
                if !members.iter().any(joined) {
                    admin.member_add(peer_url.clone()).await?;
                }
                Ok::<(), ClusterError>(())
            };
            match tried.await {
                Ok(()) => break,
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
        self.replaced += 1;
        self.members[slot].name = format!("m{slot}-{}", self.replaced);
        self.start_as(slot, true)
    }
}
