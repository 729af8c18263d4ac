//! The program inside the built-in image: a web server that tells which pod answered.
//!
//! It is linked statically and uses nothing but the standard library, so that the image is this one
//! file. The same file is the pause process that holds a pod's namespaces. The smaller commands are
//! for trying things out where no other image is at hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::exit;
use std::time::Duration;

const USAGE: &str = "usage: hello [serve [--port N]] | pause | sleep SECONDS [--ignore-term] \
| exit CODE | print TEXT… | complain TEXT… | env | id | cat FILE… | write FILE TEXT | allocate MIB";

const DEFAULT_PORT: u16 = 8080;
/// A request line and headers longer than this are refused.
const REQUEST_LIMIT: u64 = 16 * 1024;
/// A client that says nothing for so long is hung up on.
const PATIENCE: Duration = Duration::from_secs(10);

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const SIGCHLD: i32 = 17;
const SIG_IGN: usize = 1;

unsafe extern "C" {
    fn signal(signum: i32, handler: usize) -> usize;
    fn pause() -> i32;
    fn _exit(code: i32) -> !;
}

/// The first process of a PID namespace gets only signals that it has a handler for.
extern "C" fn leave(_: i32) {
    // SAFETY: `_exit` may be called from a signal handler.
    unsafe { _exit(0) }
}

fn on_signal(signum: i32, handler: usize) {
    // SAFETY: the handler is SIG_IGN or a function that does nothing but `_exit`.
    unsafe { signal(signum, handler) };
}

fn main() {
    for signum in [SIGINT, SIGTERM] {
        on_signal(signum, leave as *const () as usize);
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["serve"] => serve(port_from_env()),
        ["serve", "--port", port] | ["--port", port] => serve(number(port)),
        ["pause"] => hold(),
        ["sleep", seconds] => sleep(number(seconds)),
        ["sleep", seconds, "--ignore-term"] => {
            on_signal(SIGTERM, SIG_IGN);
            sleep(number(seconds));
        }
        ["exit", code] => exit(number(code)),
        ["print", text @ ..] => println!("{}", text.join(" ")),
        ["complain", text @ ..] => eprintln!("{}", text.join(" ")),
        ["env"] => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        ["id"] => identify(),
        ["cat", files @ ..] => files.iter().for_each(|file| cat(file)),
        ["write", file, text] => check(file, std::fs::write(file, text)),
        ["allocate", mebibytes] => allocate(number(mebibytes)),
        _ => fail(USAGE),
    }
}

fn serve(port: u16) {
    let listener = check("listen", TcpListener::bind(("0.0.0.0", port)));
    let name = pod_name();
    println!("{name} listens on port {port}");
    for stream in listener.incoming().flatten() {
        let name = name.clone();
        // One that gets no thread is dropped: the client sees a closed connection.
        let _ =
            std::thread::Builder::new().stack_size(64 * 1024).spawn(move || answer(stream, &name));
    }
}

fn answer(mut stream: TcpStream, name: &str) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let Some(request_line) = read_request(&stream) else {
        return;
    };
    let mut words = request_line.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let address = stream.local_addr().map(|address| plain(address.ip()));
    let address = address.map_or_else(|_| "?".to_owned(), |ip| ip.to_string());
    let (status, body) = match method {
        "GET" | "HEAD" => ("200 OK", format!("hello from {name} at {address}\n")),
        _ => ("405 Method Not Allowed", "only GET is answered\n".to_owned()),
    };
    let peer = stream.peer_addr().map(|peer: SocketAddr| plain(peer.ip()).to_string());
    println!("{} {method} {path} {}", peer.unwrap_or_else(|_| "?".to_owned()), &status[..3]);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if method == "HEAD" { "" } else { &body };
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// The first line of a request, once the empty line after its headers is there.
fn read_request(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream.take(REQUEST_LIMIT)).lines();
    let first = lines.next()?.ok()?;
    for line in lines {
        if line.ok()?.is_empty() {
            return Some(first);
        }
    }
    None
}

fn plain(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

fn pod_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.map(|name| name.trim().to_owned());
    name.filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn port_from_env() -> u16 {
    std::env::var("PORT").map_or(DEFAULT_PORT, |port| number(&port))
}

/// Holds the namespaces, and reaps what is orphaned into a shared PID namespace: with SIGCHLD
/// ignored the kernel does it.
fn hold() {
    on_signal(SIGCHLD, SIG_IGN);
    loop {
        // SAFETY: `pause` takes nothing and returns after a signal.
        unsafe { pause() };
    }
}

fn sleep(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

fn identify() {
    let status = check("/proc/self/status", std::fs::read_to_string("/proc/self/status"));
    for line in status.lines() {
        let field = line.split(':').next().unwrap_or("");
        if ["Uid", "Gid", "Groups", "CapEff", "CapBnd", "NoNewPrivs"].contains(&field) {
            println!("{line}");
        }
    }
}

fn cat(file: &str) {
    let bytes = check(file, std::fs::read(file));
    check("write", std::io::stdout().write_all(&bytes));
}

/// Takes memory and touches it, to see what a limit does.
fn allocate(mebibytes: usize) {
    let mut taken: Vec<Vec<u8>> = vec![];
    for _ in 0..mebibytes {
        taken.push(vec![1; 1024 * 1024]);
    }
    println!("allocated {} MiB", taken.len());
}

fn number<N: std::str::FromStr>(text: &str) -> N {
    text.parse().unwrap_or_else(|_| fail(&format!("{text:?} is not a number in range\n{USAGE}")))
}

fn check<T>(what: &str, result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        eprintln!("hello: {what}: {error}");
        exit(1)
    })
}

fn fail(message: &str) -> ! {
    eprintln!("hello: {message}");
    exit(2)
}
