//! Where things lie below the kubelet's root directory.
//!
//! ```text
//! pods/<uid>/volumes/<plugin>/<volume>       pods/<uid>/containers/<name>/<attempt>   (termination log)
//! pods/<uid>/etc-hosts                       logs/pods/<namespace>_<name>_<uid>/<container>/<attempt>.log
//! ```

use std::path::{Path, PathBuf};

use crate::pod::types::Pod;
use crate::volume::spec::Volume;

#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn pods(&self) -> PathBuf {
        self.root.join("pods")
    }

    pub fn pod(&self, uid: &str) -> PathBuf {
        self.root.join("pods").join(uid)
    }

    pub fn volumes(&self, uid: &str) -> PathBuf {
        self.pod(uid).join("volumes")
    }

    pub fn volume(&self, uid: &str, volume: &Volume) -> PathBuf {
        self.volumes(uid).join(volume.plugin()).join(&volume.name)
    }

    pub fn etc_hosts(&self, uid: &str) -> PathBuf {
        self.pod(uid).join("etc-hosts")
    }

    pub fn termination_log(&self, uid: &str, container: &str, attempt: u32) -> PathBuf {
        self.pod(uid).join("containers").join(container).join(attempt.to_string())
    }

    pub fn pod_logs(&self, pod: &Pod) -> PathBuf {
        let name = format!("{}_{}_{}", pod.namespace(), pod.name(), pod.uid());
        self.root.join("logs").join("pods").join(name)
    }

    /// Relative to `pod_logs`.
    pub fn log(container: &str, attempt: u32) -> PathBuf {
        Path::new(container).join(format!("{attempt}.log"))
    }
}
