//! `downgrade validate|enable|cancel`.

use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::downgrade_request::DowngradeAction;

use super::{Context, within};
use crate::Usage;
use crate::arguments::cluster::Downgrade;
use crate::output::Answer;

pub async fn run(run: &Context, command: Downgrade) -> anyhow::Result<()> {
    let (action, done, version) = match command {
        Downgrade::Validate { target_version } => {
            (DowngradeAction::Validate, "validate", target_version)
        }
        Downgrade::Enable { target_version } => (DowngradeAction::Enable, "enable", target_version),
        Downgrade::Cancel => (DowngradeAction::Cancel, "cancel", String::new()),
    };
    if version.is_empty() && action != DowngradeAction::Cancel {
        return Err(Usage("target version not provided".to_owned()).into());
    }
    let request = pb::DowngradeRequest { action: action.into(), version };
    let mut client = run.session().await?.maintenance();
    let response = within(run.timeout, client.downgrade(request)).await?;
    run.printer.print(&Answer::Downgrade { done, response: &response })
}
