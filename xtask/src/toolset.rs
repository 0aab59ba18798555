//! What this machine lacks, and how it gets it: Debian packages, Node modules, cargo-deny.
//!
//! Quick when nothing is missing, the same however often it runs, and every installation is said
//! before it happens. It must never go on half-equipped: what it cannot install ends the run with the
//! command that the person can give.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::halt::Halt;
use crate::place::Place;
use crate::process::{answer, cargo, command, must, on_path};

/// Debian packages without which the window and the database do not compile.
pub(crate) const BUILD: &[&str] = &[
    "libwebkit2gtk-4.1-dev",
    "build-essential",
    "pkg-config",
    "libssl-dev",
    "libxdo-dev",
    "librsvg2-dev",
    "libayatana-appindicator3-dev",
    "file",
];

/// Debian packages that the tests need: a display, a driver for the window, readers of PDF.
pub(crate) const TEST: &[&str] = &[
    "webkit2gtk-driver",
    "xvfb",
    "xauth",
    "xdotool",
    "imagemagick",
    "x11-utils",
    "procps",
    "fonts-noto-cjk",
    "poppler-utils",
    "qpdf",
    "python3",
    "e2fsprogs",
    "iproute2",
    "strace",
    "dbus",
    "gnome-keyring",
];

/// Debian packages that a window on a bare machine needs to show Chinese.
pub(crate) const SHOW: &[&str] = &["fonts-noto-cjk"];

/// The oldest Node on which the ui's tools run.
const NODE: (u32, u32) = (20, 19);

/// The version of cargo-deny that `deny.toml` is written for.
const DENY: &str = "0.20.2";

/// Installs the Debian packages of these sets that are missing.
pub(crate) fn debian(place: &Place, sets: &[&[&str]]) -> Result<(), Halt> {
    let wanted: Vec<&str> = sets.iter().flat_map(|set| set.iter().copied()).collect();
    let missing = missing_packages(place.root(), &wanted)?;
    if missing.is_empty() {
        println!("  nothing is missing  都已安装");
        return Ok(());
    }
    println!("  missing  缺少: {}", missing.join(" "));
    let by_hand = format!("apt-get update && apt-get install -y --no-install-recommends {}", missing.join(" "));
    let prefix = rights(place.root()).ok_or_else(|| {
        Halt::say(
            format!("system packages are missing and this account may not install them; please run as root: {by_hand}"),
            "请用管理员账号运行上面的命令，然后再试",
        )
    })?;
    // The lists of a machine that has stood for a while name versions that are gone.
    must(apt(place.root(), prefix).arg("update"), "reading the package lists (apt-get update)")?;
    must(
        apt(place.root(), prefix).args(["install", "-y", "--no-install-recommends"]).args(&missing),
        "installing system packages (apt-get install)",
    )
}

/// The packages of `wanted` that dpkg does not call installed.
fn missing_packages<'a>(folder: &Path, wanted: &[&'a str]) -> Result<Vec<&'a str>, Halt> {
    if !on_path("dpkg-query") {
        return Err(Halt::say(
            format!(
                "this is not a Debian-like system, so its packages are unknown here; what is needed has these names on Debian 12: {}",
                wanted.join(" ")
            ),
            "请在 Debian 12 上运行",
        ));
    }
    // It fails as soon as one name is unknown, and still prints the others: only the words count.
    let output = command("dpkg-query", folder)
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(wanted)
        .output()
        .map_err(|source| Halt::Start { program: "dpkg-query".to_owned(), source })?;
    Ok(not_installed(&String::from_utf8_lossy(&output.stdout), wanted))
}

/// Which of `wanted` the words of dpkg-query do not call installed.
fn not_installed<'a>(words: &str, wanted: &[&'a str]) -> Vec<&'a str> {
    wanted
        .iter()
        .filter(|name| {
            !words.lines().any(|line| {
                line.split_once(' ').is_some_and(|(package, status)| package == **name && status == "installed")
            })
        })
        .copied()
        .collect()
}

/// What stands before `apt-get`: nothing for root, `sudo -n` where that needs no password.
fn rights(folder: &Path) -> Option<&'static [&'static str]> {
    let id = answer(command("id", folder).arg("-u"))?;
    if id.trim() == "0" {
        return Some(&[]);
    }
    answer(command("sudo", folder).args(["-n", "true"])).map(|_| &["sudo", "-n"][..])
}

fn apt(folder: &Path, prefix: &[&str]) -> Command {
    let mut words = prefix.iter().chain(&[
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-q",
        "-o",
        "DPkg::Lock::Timeout=300",
    ]);
    let mut apt = command(words.next().unwrap_or(&"env"), folder);
    apt.args(words);
    apt
}

/// Checks Node and installs the ui's modules when the lock file is not the one they were installed from.
pub(crate) fn node(place: &Place) -> Result<(), Halt> {
    let ui = place.ui();
    let version = answer(command("node", place.root()).arg("--version"));
    let new_enough = version.as_deref().and_then(node_version).is_some_and(|found| found >= NODE);
    if !new_enough {
        let found = version.map_or_else(|| "none is here".to_owned(), |version| format!("here is {}", version.trim()));
        return Err(Halt::say(
            format!("Node {}.{} or newer is needed and {found}; please install it and try again", NODE.0, NODE.1),
            "请先安装较新的 Node",
        ));
    }
    let lock = ui.join("package-lock.json");
    let wanted = std::fs::read(&lock).map_err(Halt::disk(&lock))?;
    let stamp = ui.join("node_modules/.installed-from");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("  nothing is missing  都已安装");
        return Ok(());
    }
    must(command("npm", &ui).args(["ci", "--no-fund", "--no-audit"]), "installing the ui's modules (npm ci)")?;
    std::fs::write(&stamp, wanted).map_err(Halt::disk(&stamp))
}

/// Major and minor of `v20.20.2`.
fn node_version(words: &str) -> Option<(u32, u32)> {
    let mut parts = words.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The path of cargo-deny: the machine's own if it is of our version's line, else built once under `target/tools`.
pub(crate) fn cargo_deny(place: &Place) -> Result<PathBuf, Halt> {
    let tools = place.root().join("target/tools");
    let own = tools.join("bin/cargo-deny");
    for program in [Path::new("cargo-deny"), &own] {
        let version = answer(command(program, place.root()).arg("--version"));
        if version.as_deref().is_some_and(|words| same_line(words, DENY)) {
            println!("  nothing is missing  都已安装");
            return Ok(program.to_owned());
        }
    }
    println!("  building cargo-deny {DENY} once, under a minute  首次编译不到一分钟");
    must(
        // Unoptimised it is built in a third of the time and still judges the tree within seconds.
        cargo(place.root())
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .args(["install", "--locked", "--debug", "--version", DENY, "--root"])
            .arg(&tools)
            .arg("--target-dir")
            .arg(tools.join("build"))
            .arg("cargo-deny"),
        "building cargo-deny",
    )?;
    Ok(own)
}

/// Whether `cargo-deny 0.20.5` is of the same major and minor as `0.20.2`.
fn same_line(words: &str, wanted: &str) -> bool {
    let line = |version: &str| -> Option<(String, String)> {
        let mut parts = version.trim().split('.');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    words.split_whitespace().last().is_some_and(|version| line(version) == line(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_counts() {
        let words = "xvfb installed\nqpdf not-installed\nfile config-files\nxauth installed\n";
        assert_eq!(not_installed(words, &["xvfb", "qpdf", "file", "xauth", "strace"]), ["qpdf", "file", "strace"]);
    }

    #[test]
    fn node_versions() {
        assert_eq!(node_version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(node_version("v18.19.0"), Some((18, 19)));
        assert!(node_version("v18.19.0") < Some(NODE));
        assert!(node_version("v22.1.0") > Some(NODE));
        assert_eq!(node_version("20"), None);
    }

    #[test]
    fn deny_lines() {
        assert!(same_line("cargo-deny 0.20.5\n", "0.20.2"));
        assert!(!same_line("cargo-deny 0.18.0", "0.20.2"));
        assert!(!same_line("", "0.20.2"));
    }

    #[test]
    fn apt_is_asked_without_a_person() {
        let apt = apt(Path::new("."), &["sudo", "-n"]);
        assert_eq!(apt.get_program(), "sudo");
        let words: Vec<_> = apt.get_args().collect();
        assert!(words.contains(&"DEBIAN_FRONTEND=noninteractive".as_ref()));
        assert!(words.contains(&"apt-get".as_ref()));
    }
}
