//! The smallest program that can be a pod's shim; the tests' stand-in for the real binary.

fn main() {
    std::process::exit(kubelet_lite::containers::shim_main(std::env::args_os().skip(2)));
}
