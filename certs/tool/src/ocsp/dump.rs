//! `ocspdump`: the answers in the database, as `ocspserve -responses` takes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use crate::command::{Call, Command, Group};
use crate::flag::{Order, catalog};
use crate::runtime::block_on;

pub(crate) const COMMAND: Command = Command {
    name: "ocspdump",
    group: Group::Revoke,
    summary: "Print all OCSP answers of the database that still hold",
    usage: &["-db-config FILE"],
    help: "One answer a line, DER in base64.\n\n\
           Example:\n  {name} ocspdump -db-config db.json > responses",
    flags: &[catalog::DB_CONFIG],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    let records = block_on(async {
        let database = call.database().await?;
        anyhow::Ok(database.list_responses(OffsetDateTime::now_utc()).await?)
    })?;
    for record in records {
        println!("{}", STANDARD.encode(record.body));
    }
    Ok(())
}
