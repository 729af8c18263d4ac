//! `alarm list|disarm`.

use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::alarm_request::AlarmAction;

use super::{Context, within};
use crate::arguments::cluster::Alarm;
use crate::output::Answer;

pub async fn run(run: &Context, command: Alarm) -> anyhow::Result<()> {
    let mut client = run.session().await?.maintenance();
    let list = pb::AlarmRequest { action: AlarmAction::Get.into(), ..Default::default() };
    let present = within(run.timeout, client.alarm(list)).await?;
    match command {
        Alarm::List => run.printer.print(&Answer::Alarms(&present)),
        Alarm::Disarm => {
            let mut disarmed = pb::AlarmResponse::default();
            for alarm in present.alarms {
                let request = pb::AlarmRequest {
                    action: AlarmAction::Deactivate.into(),
                    member_id: alarm.member_id,
                    alarm: alarm.alarm,
                };
                let answer = within(run.timeout, client.alarm(request)).await?;
                disarmed.alarms.extend(answer.alarms);
            }
            run.printer.print(&Answer::Alarms(&disarmed))
        }
    }
}
