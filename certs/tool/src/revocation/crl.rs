//! `crl`: the list of what is revoked in the database.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{Issuer, RevocationList, RevokedCertificate};
use time::{Duration, OffsetDateTime};

use crate::command::{Call, Command, Group};
use crate::database::{CertificateRecord, Database, DatabaseError, Filter};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::input;
use crate::ocsp::hex;
use crate::runtime::block_on;

pub(crate) const COMMAND: Command = Command {
    name: "crl",
    group: Group::Revoke,
    summary: "Sign the revocation list of the database",
    usage: &["-db-config FILE -ca CERT -ca-key KEY [-expiry DURATION]"],
    help: "Prints the list as DER in base64. It has the certificates that this authority signed, \
           that are revoked\nand would not have expired anyway.\n\n\
           Example:\n  {name} crl -db-config db.json -ca ca.pem -ca-key ca-key.pem | base64 -d > ca.crl",
    flags: &[catalog::DB_CONFIG, catalog::CA, catalog::CA_KEY, catalog::EXPIRY],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    let needed = |flag, name: &str| {
        let missing = || Usage::error(format!("need {name}"));
        call.flags.text(flag).ok_or_else(missing)
    };
    let ca = needed(catalog::CA, "CA certificate (provide one with -ca)")?;
    let key = needed(catalog::CA_KEY, "CA key (provide one with -ca-key)")?;
    let issuer = input::read_issuer(ca, key)?;
    let lifetime = call.flags.duration(catalog::EXPIRY).expect("the flag has a default");
    let der = block_on(async {
        let database = call.database().await?;
        sign(&*database, &issuer, lifetime, OffsetDateTime::now_utc()).await
    })?;
    println!("{}", STANDARD.encode(der));
    Ok(())
}

/// The DER of the list at `now`.
pub(crate) async fn sign(
    database: &dyn Database,
    issuer: &Issuer,
    lifetime: Duration,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<u8>> {
    let records = revoked(database, issuer, now).await?;
    let revoked = records.iter().map(line).collect::<anyhow::Result<_>>()?;
    Ok(list(revoked, lifetime, now).sign(issuer)?)
}

/// Of other authorities that share the database nothing is said: their lists are theirs.
async fn revoked(
    database: &dyn Database,
    issuer: &Issuer,
    now: OffsetDateTime,
) -> Result<Vec<CertificateRecord>, DatabaseError> {
    let aki = hex(issuer.certificate().subject_key_id().unwrap_or_default());
    let mut records = database.list(Filter { unexpired_at: now, revoked_only: true }).await?;
    records.retain(|record| record.key.aki == aki);
    Ok(records)
}

fn line(record: &CertificateRecord) -> anyhow::Result<RevokedCertificate> {
    let serial = record.key.serial.parse().context("a serial number in the database")?;
    let at = record.revoked_at.or(record.issued_at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Ok(RevokedCertificate { serial, at, reason: record.reason })
}

/// The time in nanoseconds numbers the list, so that no state is needed to have it grow.
pub(crate) fn list(
    revoked: Vec<RevokedCertificate>,
    lifetime: Duration,
    now: OffsetDateTime,
) -> RevocationList {
    let number = u64::try_from(now.unix_timestamp_nanos()).unwrap_or_default();
    RevocationList { revoked, this_update: now, next_update: now + lifetime, number }
}
