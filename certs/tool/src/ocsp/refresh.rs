//! `ocsprefresh`: an answer for each certificate in the database, kept there.

use anyhow::Context;
use certs::x509::{Responder, Serial};
use time::{Duration, OffsetDateTime};

use super::ResponderFiles;
use super::source::{hex, prepare};
use crate::command::{Call, Command, Group};
use crate::database::{Database, Filter};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::log;
use crate::runtime::block_on;

pub(crate) const COMMAND: Command = Command {
    name: "ocsprefresh",
    group: Group::Revoke,
    summary: "Sign OCSP answers for all unexpired certificates of the database, and keep them there",
    usage: &["-db-config FILE -ca CERT -responder CERT -responder-key KEY [-interval DURATION]"],
    help: "Run it more often than the interval: `ocspserve -db-config` serves what was kept last.\n\
           `ocspserve` with -ca, -responder and -responder-key needs no refreshing.\n\n\
           Example:\n  {name} ocsprefresh -db-config db.json -ca ca.pem -responder ocsp.pem \\\n\
           \x20     -responder-key ocsp-key.pem",
    flags: &[
        catalog::DB_CONFIG,
        catalog::CA,
        catalog::RESPONDER,
        catalog::RESPONDER_KEY,
        catalog::KEY,
        catalog::INTERVAL,
    ],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    let responder = ResponderFiles::from_flags(&call.flags).map_err(Usage::error)?.read()?;
    let interval = call.flags.duration(catalog::INTERVAL).expect("the flag has a default");
    let kept = block_on(async {
        let database = call.database().await?;
        refresh(&*database, &responder, interval, OffsetDateTime::now_utc()).await
    })?;
    log::info!("{kept} OCSP answers are kept");
    Ok(())
}

/// Answers how many certificates there are of the responder's issuer.
async fn refresh(
    database: &dyn Database,
    responder: &Responder,
    interval: Duration,
    now: OffsetDateTime,
) -> anyhow::Result<usize> {
    let aki = hex(responder.issuer().subject_key_id().unwrap_or_default());
    let records = database.list(Filter { unexpired_at: now, revoked_only: false }).await?;
    let mut kept = 0;
    for record in records.iter().filter(|record| record.key.aki == aki) {
        let serial: Serial =
            record.key.serial.parse().context("a serial number in the database")?;
        database.put_response(prepare(responder, record, serial, interval, now)?).await?;
        kept += 1;
    }
    Ok(kept)
}
