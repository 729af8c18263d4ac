//! Commands run beside a container's own.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::protocol::{Exec, Request};
use super::state::{Containers, blocking, failed};
use crate::runtime::{Error, ExecOutput};

const EXEC: &str = "exec";
/// More than a probe should print; the rest is dropped, as kubelet does.
const OUTPUT_LIMIT: u64 = 16 * 1024 * 1024;
/// Exit code of a command that was not found, as a shell has it.
const NOT_FOUND: i32 = 126;

static EXECS: AtomicU64 = AtomicU64::new(1);

impl Containers {
    pub(crate) async fn run_in_container(
        &self,
        id: &str,
        command: &[String],
        timeout: Duration,
    ) -> Result<ExecOutput, Error> {
        let pod = self.find_container(id)?;
        let shim = pod.live().shim.clone();
        let shim = shim.ok_or_else(|| failed(EXEC)(format!("container {id} does not run")))?;
        let exec = EXECS.fetch_add(1, Ordering::Relaxed);
        let folder = pod.folder.container(id);
        let stdout = folder.path().join(format!("exec-{exec}.out"));
        let stderr = folder.path().join(format!("exec-{exec}.err"));
        let request = Request::Exec(Exec {
            container: id.to_owned(),
            command: command.to_vec(),
            stdout: stdout.clone(),
            stderr: stderr.clone(),
            exec,
        });
        let asked = shim.ask(request).await;
        let ended = match asked {
            Ok(_) => {
                let ended = pod.wait_for(timeout, |live| live.execs.remove(&exec)).await;
                if ended.is_none() {
                    let _ = shim.ask(Request::KillExec { exec }).await;
                }
                Ok(ended)
            }
            Err(error) => Err(error.to_string()),
        };
        let (out, err) = blocking(EXEC, move || Ok((take(&stdout), take(&stderr)))).await?;
        match ended {
            Ok(Some(exit_code)) => Ok(ExecOutput { exit_code, stdout: out, stderr: err }),
            Ok(None) => Err(failed(EXEC)(format!(
                "command {command:?} timed out after {} s",
                timeout.as_secs_f64()
            ))),
            Err(reason) if reason.starts_with("exec: ") => {
                Ok(ExecOutput { exit_code: NOT_FOUND, stdout: out, stderr: reason.into_bytes() })
            }
            Err(reason) => Err(failed(EXEC)(reason)),
        }
    }
}

fn take(path: &Path) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = vec![];
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(OUTPUT_LIMIT).read_to_end(&mut bytes);
    }
    let _ = std::fs::remove_file(path);
    bytes
}
