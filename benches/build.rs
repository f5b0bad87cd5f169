//! Tells the programs which compiler built them, for their reports.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    println!("cargo:rustc-env=RINGWAY_RUSTC={}", version.as_deref().unwrap_or("unknown").trim());
    println!("cargo:rustc-env=RINGWAY_TARGET={}", env::var("TARGET").as_deref().unwrap_or("unknown"));
}
