//! One look at a container: an HTTP request, a TCP connection or a command.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::pod::shared::Shared;
use crate::pod::types::{Container, Handler, HttpGetAction, Pod, Port};

/// As upstream announces itself.
const AGENT: &str = "kube-probe/1.35";
/// How much of a command's output an event tells.
const MAX_OUTPUT: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure(String),
    /// The handler cannot be run here: neither good nor bad.
    Unsupported(String),
}

/// Where a container is reached.
#[derive(Clone, Debug)]
pub struct Target {
    pub container_id: String,
    pub ip: String,
    pub ports: Vec<(String, i32)>,
}

impl Target {
    pub fn new(container_id: &str, ip: &str, spec: &Container) -> Self {
        let ports = spec.ports.iter().map(|port| (port.name.clone(), port.container_port));
        Self { container_id: container_id.to_owned(), ip: ip.to_owned(), ports: ports.collect() }
    }

    /// Looks the pod's address up in the runtime.
    pub async fn of(shared: &Shared, pod: &Pod, container: &str, id: &str) -> Result<Self, String> {
        let spec =
            pod.spec.container(container).ok_or_else(|| format!("no container {container}"))?;
        let ip = if pod.spec.host_network {
            shared.node_ip.clone()
        } else {
            let (sandboxes, _) =
                shared.config.runtime.pod(pod.uid()).await.map_err(|error| error.to_string())?;
            let newest = sandboxes.into_iter().max_by_key(|sandbox| sandbox.attempt);
            newest.and_then(|sandbox| sandbox.ips.into_iter().next()).unwrap_or_default()
        };
        Ok(Self::new(id, &ip, spec))
    }

    fn port(&self, port: &Port) -> Result<u16, String> {
        let number = match port {
            Port::Number(number) => *number,
            Port::Name(name) => match self.ports.iter().find(|(known, _)| known == name) {
                Some((_, number)) => *number,
                None => {
                    name.parse().map_err(|_| format!("couldn't find port {name:?} in container"))?
                }
            },
        };
        u16::try_from(number)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("invalid port number: {number}"))
    }
}

/// Runs the handler once. Never longer than `timeout`.
pub async fn act(
    shared: &Shared,
    target: &Target,
    handler: &Handler,
    timeout: Duration,
) -> Outcome {
    if shared.config.runtime.pretends() {
        return Outcome::Success; // Nothing is there that could be asked.
    }
    if let Some(exec) = &handler.exec {
        return run_command(shared, target, &exec.command, timeout).await;
    }
    if handler.grpc.is_some() {
        return Outcome::Unsupported("gRPC handlers are not supported yet".to_owned());
    }
    let look = async {
        if let Some(get) = &handler.http_get {
            return http_get(target, get).await;
        }
        if let Some(tcp) = &handler.tcp_socket {
            let host = if tcp.host.is_empty() { &target.ip } else { &tcp.host };
            let port = target.port(&tcp.port)?;
            return connect(host, port).await.map(|_| ());
        }
        Err("the handler names no action".to_owned())
    };
    match tokio::time::timeout(timeout, look).await {
        Ok(Ok(())) => Outcome::Success,
        Ok(Err(reason)) => Outcome::Failure(reason),
        Err(_) => Outcome::Failure(
            "context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned(),
        ),
    }
}

async fn run_command(
    shared: &Shared,
    target: &Target,
    command: &[String],
    timeout: Duration,
) -> Outcome {
    let runtime = &shared.config.runtime;
    let run = runtime.exec_sync(&target.container_id, command, timeout);
    match tokio::time::timeout(timeout, run).await {
        Ok(Ok(output)) if output.exit_code == 0 => Outcome::Success,
        Ok(Ok(output)) => {
            let text = [output.stdout, output.stderr].concat();
            let cut = &text[..text.len().min(MAX_OUTPUT)];
            Outcome::Failure(String::from_utf8_lossy(cut).trim_end().to_owned())
        }
        Ok(Err(error)) => Outcome::Unsupported(error.to_string()),
        Err(_) => Outcome::Failure(format!("command {command:?} timed out after {timeout:?}")),
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let address = host.trim_matches(['[', ']']);
    TcpStream::connect((address, port))
        .await
        .map_err(|error| format!("dial tcp {host}:{port}: connect: {}", plain(&error)))
}

/// Without the "(os error N)" that Rust adds.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Success is a status from 200 to 399. Redirects are answers, not followed.
async fn http_get(target: &Target, get: &HttpGetAction) -> Result<(), String> {
    let host = if get.host.is_empty() { &target.ip } else { &get.host };
    let port = target.port(&get.port)?;
    let path = if get.path.starts_with('/') { get.path.clone() } else { format!("/{}", get.path) };
    let secure = get.scheme.eq_ignore_ascii_case("https");
    let scheme = if secure { "https" } else { "http" };
    let url = format!("{scheme}://{host}:{port}{path}");
    let explain = |error: String| format!("Get \"{url}\": {error}");
    let request = request(get, host, port, &path).map_err(explain)?;
    let stream = connect(host, port).await.map_err(explain)?;
    let status = if secure {
        let name = server_name(host).map_err(explain)?;
        let connector = tokio_rustls::TlsConnector::from(TLS.clone());
        let stream =
            connector.connect(name, stream).await.map_err(|error| explain(error.to_string()))?;
        exchange(stream, request).await
    } else {
        exchange(stream, request).await
    };
    let status = status.map_err(explain)?;
    if (200..400).contains(&status) {
        return Ok(());
    }
    Err(format!("HTTP probe failed with statuscode: {status}"))
}

fn request(
    get: &HttpGetAction,
    host: &str,
    port: u16,
    path: &str,
) -> Result<http::Request<Empty<Bytes>>, String> {
    let mut request = http::Request::get(path)
        .header(HOST, format!("{host}:{port}"))
        .header(USER_AGENT, AGENT)
        .header("accept", "*/*")
        .header("connection", "close")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    for header in &get.http_headers {
        let name: HeaderName =
            header.name.parse().map_err(|_| format!("invalid header name {:?}", header.name))?;
        let value = HeaderValue::from_str(&header.value)
            .map_err(|_| format!("invalid value of header {name}"))?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// Sends the request and reads the head of the answer; the body is not waited for.
async fn exchange<S>(stream: S, request: http::Request<Empty<Bytes>>) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        drop(response.into_body().into_data_stream());
        Ok(status)
    };
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())
}

/// Probes trust any certificate, as upstream's: they ask whether somebody answers, not who.
static TLS: LazyLock<Arc<rustls::ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Arc::new(config)
});

#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Answers each connection with `answer`. Ends with the test's runtime.
    async fn server(answer: &'static str) -> Target {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = i32::from(listener.local_addr().expect("an address").port());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..read]).to_lowercase();
                let answer =
                    if text.contains("x-bad: 1") { "HTTP/1.1 500 x\r\n\r\n" } else { answer };
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Target {
            container_id: "c".into(),
            ip: "127.0.0.1".into(),
            ports: vec![("web".into(), port)],
        }
    }

    fn get(value: serde_json::Value) -> HttpGetAction {
        serde_json::from_value(value).expect("an action")
    }

    #[tokio::test]
    async fn an_http_status_decides() {
        let named = serde_json::json!({"port": "web", "path": "/"});
        let good = server("HTTP/1.1 204 x\r\n\r\n").await;
        assert_eq!(http_get(&good, &get(named.clone())).await, Ok(()));
        let redirect = server("HTTP/1.1 302 x\r\nlocation: /y\r\n\r\n").await;
        assert_eq!(http_get(&redirect, &get(named.clone())).await, Ok(()));
        let bad = server("HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(
            http_get(&bad, &get(named)).await,
            Err("HTTP probe failed with statuscode: 404".to_owned())
        );
        let headers =
            serde_json::json!({"port": "web", "httpHeaders": [{"name": "X-Bad", "value": "1"}]});
        assert!(http_get(&good, &get(headers)).await.is_err_and(|text| text.ends_with("500")));
    }

    #[tokio::test]
    async fn nobody_there_is_told_in_upstreams_words() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let target = Target { container_id: String::new(), ip: "127.0.0.1".into(), ports: vec![] };
        let refused = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
        let http =
            http_get(&target, &get(serde_json::json!({"port": port, "path": "healthz"}))).await;
        assert_eq!(http, Err(format!("Get \"http://127.0.0.1:{port}/healthz\": {refused}")));
        assert!(target.port(&Port::Name("none".into())).is_err());
        assert!(target.port(&Port::Number(0)).is_err());
    }
}
