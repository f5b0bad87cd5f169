//! Where figures come from: the machine, the system, the compiler, the state of the source.

use serde_json::{Value, json};
use std::process::Command;

/// As it stands in every JSON object with figures. What cannot be found out is null.
pub(crate) fn json() -> Value {
    json!({ "cpu": cpu(), "cores": ringway::allowed_cores().len(), "system": system(), "rustc": env!("RINGWAY_RUSTC"),
            "target": env!("RINGWAY_TARGET"), "version": env!("CARGO_PKG_VERSION"), "commit": commit() })
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let name = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?.1;
    Some(name.trim().to_owned())
}

fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned()
}

/// Of the source that this program was built from, as it is now; with a plus if it has been changed since.
fn commit() -> Option<String> {
    let hash = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { hash } else { format!("{hash}+") })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_machine_has_cores_and_a_compiler() {
        let machine = super::json();
        assert!(machine["cores"].as_u64() > Some(0), "{machine}");
        assert!(machine["rustc"].as_str().is_some_and(|rustc| rustc.starts_with("rustc ")), "{machine}");
    }
}
