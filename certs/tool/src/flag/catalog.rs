//! Every flag that CFSSL knows, by CFSSL's name for it. A command lists the ones that it honours.

use super::{Flag, Kind};

macro_rules! catalog {
    ($($constant:ident = $flag:expr;)*) => {
        $(pub const $constant: Flag = $flag;)*
        /// All of them: CFSSL accepts any before any command.
        pub const ALL: &[Flag] = &[$($constant),*];
    };
}

catalog! {
    ADDRESS = Flag::text("address", "address to listen on").with_default("127.0.0.1");
    AKI = Flag::text("aki", "authority key identifier of the certificate, in hexadecimal");
    AUTHKEY = Flag::text("authkey", "key that authenticates requests to a remote server");
    CA = Flag::text("ca", "the authority's certificate: FILE, file:FILE or env:VARIABLE");
    CA_BUNDLE = Flag::text("ca-bundle", "file of trusted root certificates");
    CA_KEY = Flag::text("ca-key", "the authority's private key: FILE, file:FILE or env:VARIABLE");
    CERT = Flag::text("cert", "certificate file");
    CN = Flag::text("cn", "common name, instead of the request's");
    CONFIG = Flag::text("config", "signing configuration, as JSON");
    CRL = Flag::text("crl", "URL of the revocation list, instead of the profile's");
    CSR = Flag::text("csr", "certificate request file");
    CSV = Flag::text("csv", "file with hosts to scan");
    DB_CONFIG = Flag::text("db-config", "configuration of the certificates database");
    DISABLE = Flag::text("disable", "endpoints that are not served, with commas between");
    DOMAIN = Flag::text("domain", "host, or host:port, whose certificate is taken from its listener");
    EXPIRY = Flag::text("expiry", "how long the revocation list is valid")
        .of_kind(Kind::Duration)
        .with_default("168h");
    FAMILY = Flag::text("family", "regular expression of scanner families");
    FLAVOR = Flag::text("flavor", "which chain is preferred: ubiquitous, optimal or force")
        .with_default("ubiquitous");
    HOSTNAME = Flag::text("hostname", "names and addresses for the certificate, with commas between");
    INITCA = Flag::switch("initca", "make a new authority");
    INTERVAL = Flag::text("interval", "time between OCSP updates")
        .of_kind(Kind::Duration)
        .with_default("96h");
    INTERMEDIATES = Flag::text("intermediates", "file of intermediate certificates");
    INT_BUNDLE = Flag::text("int-bundle", "file of intermediate certificates");
    INT_DIR = Flag::text("int-dir", "directory of intermediate certificates");
    IP = Flag::text("ip", "address at which -domain is reached");
    KEY = Flag::text("key", "private key file");
    LABEL = Flag::text("label", "which of a remote server's keys signs");
    LIST = Flag::switch("list", "list the scanners");
    LOGLEVEL = Flag::text("loglevel", "0 debug, 1 info, 2 warning, 3 error, 4 critical, 5 fatal")
        .of_kind(Kind::Number)
        .with_default("1");
    MAX_HOSTS = Flag::text("max-hosts", "how many hosts are scanned").of_kind(Kind::Number);
    METADATA = Flag::text("metadata", "which platforms trust which roots, as JSON");
    MIN_TLS_VERSION = Flag::text("min-tls-version", "oldest TLS version that is served");
    MUTUAL_TLS_CA = Flag::text("mutual-tls-ca", "clients must show a certificate by this authority");
    MUTUAL_TLS_CLIENT_CERT =
        Flag::text("mutual-tls-client-cert", "client certificate for a remote server");
    MUTUAL_TLS_CLIENT_KEY =
        Flag::text("mutual-tls-client-key", "key of the client certificate for a remote server");
    MUTUAL_TLS_CN =
        Flag::text("mutual-tls-cn", "regular expression of the clients' common names");
    NUM_WORKERS = Flag::text("num-workers", "how many hosts are scanned at once")
        .of_kind(Kind::Number);
    PASSWORD = Flag::text("password", "password of a PKCS #12 file");
    PATH = Flag::text("path", "path under which OCSP is answered").with_default("/");
    PGP_NAME = Flag::text("pgp-name", "name of a PGP key");
    PGP_PRIVATE = Flag::text("pgp-private", "file of a PGP private key");
    PORT = Flag::text("port", "port to listen on").of_kind(Kind::Number).with_default("8888");
    PROFILE = Flag::text("profile", "profile of the signing configuration");
    REASON = Flag::text("reason", "why it is revoked, by number or by name").with_default("0");
    REMOTE = Flag::text("remote", "host:port or URL of a server that signs instead");
    RENEWCA = Flag::switch("renewca", "renew the authority's certificate, with its key and lifetime");
    RESPONDER = Flag::text("responder", "certificate of the OCSP responder");
    RESPONDER_KEY = Flag::text("responder-key", "private key of the OCSP responder");
    RESPONSES = Flag::text("responses", "file of OCSP responses");
    REVOKED_AT = Flag::text("revoked-at", "day of revocation, YYYY-MM-DD").with_default("now");
    SCANNER = Flag::text("scanner", "regular expression of scanners");
    SERIAL = Flag::text("serial", "serial number of the certificate, in decimal");
    STATUS = Flag::text("status", "good, revoked or unknown").with_default("good");
    TIMEOUT = Flag::text("timeout", "how long a host is scanned")
        .of_kind(Kind::Duration)
        .with_default("5m");
    TLS_CERT = Flag::text("tls-cert", "certificate that the server shows");
    TLS_KEY = Flag::text("tls-key", "key of the certificate that the server shows");
    TLS_REMOTE_CA = Flag::text("tls-remote-ca", "authorities that a remote server must be signed by");
    USAGE = Flag::text("usage", "what the private key is used for");
}
