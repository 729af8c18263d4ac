//! Compiles the program of the built-in image, statically, with the compiler at hand.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "hello/main.rs";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("hello");
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let status = Command::new(&rustc)
        .args(["--edition", "2024", "--crate-name", "hello", "--target", &target])
        .args(["-C", "target-feature=+crt-static", "-C", "opt-level=s"])
        .args(["-C", "panic=abort", "-C", "strip=symbols", "-C", "lto=fat"])
        .args(["-C", "codegen-units=1"])
        .arg("-o")
        .arg(&out)
        .arg(SOURCE)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!(
            "the built-in image's program did not compile ({status}): a static link needs the C \
             library's archive, which Debian's libc6-dev brings"
        ),
        Err(error) => panic!("cannot run {}: {error}", rustc.display()),
    }
}
