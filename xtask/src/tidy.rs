//! The rules of the tree: which crate may lean on which, how a file opens, what no file may name.
//!
//! The lists are the project's dependency law as data: a crate not listed for a package is a finding,
//! and adding it here is a decision to be argued in review, never a way to make a build pass. Nothing
//! here may read more than manifests and the text of tracked files.

use std::path::Path;

use serde_json::Value;

use crate::halt::Halt;
use crate::place::Place;
use crate::process::{cargo, command, must_answer};

/// What one workspace package may use outside its tests, and why the line is drawn there.
struct Law {
    package: &'static str,
    may_use: &'static [&'static str],
    because: &'static str,
}

/// Every edge that exists; a workspace package without a line here is a finding too.
const LAWS: &[Law] = &[
    Law {
        package: "domain",
        may_use: &[
            "crdts",
            "serde",
            "serde_json",
            "chrono",
            "uuid",
            "ed25519-dalek",
            "hmac",
            "sha2",
            "thiserror",
            "unicode-normalization",
            "zeroize",
            "zstd",
            // Only behind its feature `api`: the words of the field in the schema of the calls.
            "schemars",
            "ts-rs",
        ],
        because: "domain is pure: no clock, file, socket, randomness or async",
    },
    Law {
        package: "store",
        may_use: &[
            "domain",
            "rusqlite",
            "serde",
            "serde_json",
            "thiserror",
            "chrono",
            "zeroize",
            "foldhash",
            "ib-matcher",
            "memchr",
            "hmac",
            "sha2",
            "zstd",
            "unicode-normalization",
            // Only in `bundle.rs` and `bundle/`: what leaves the disk on a stick is sealed to its receiver.
            "hpke",
            // Only in `stick.rs`: reading back from the stick and not from memory.
            "rustix",
        ],
        because: "store is the encrypted file and knows no screen, paper or network",
    },
    Law {
        package: "forms",
        may_use: &[
            "domain",
            "printpdf",
            "subsetter",
            "ttf-parser",
            "unicode-linebreak",
            "unicode-normalization",
            "qrcodegen",
            "fast_qr",
            "lopdf",
            "flate2",
            "image",
            "serde",
            "serde_json",
            "sha2",
            "chrono",
            "thiserror",
        ],
        because: "forms turns facts into the same bytes every time, and opens no file",
    },
    Law {
        package: "foreign",
        may_use: &[
            "calamine",
            "chrono",
            "csv",
            "encoding_rs",
            "html5ever",
            "encoding_rs",
            "image",
            "landlock",
            "libc",
            "rustix",
            "rxing",
            "seccompiler",
            "serde",
            "serde_json",
            "thiserror",
            "zip",
        ],
        because: "foreign reads bytes from outside: it knows no fact, no store and no line",
    },
    Law {
        package: "desk",
        may_use: &[
            "domain",
            "store",
            "forms",
            "foreign",
            "reqwest",
            "rustls",
            "rust_xlsxwriter",
            // Lists that leave as text: quoting, and encodings that have a name or say so.
            "csv",
            "encoding_rs",
            "argon2",
            "base64",
            // The body of a request that is sent from an offset on.
            "bytes",
            "http-body",
            // The one lock of the store, which a contact hands over fairly.
            "parking_lot",
            "chacha20poly1305",
            "chrono",
            "clap",
            "ed25519-dalek",
            "getrandom",
            "hkdf",
            "hmac",
            // The machine's keyring, on either system.
            "keyring-core",
            "windows-native-keyring-store",
            "zbus-secret-service-keyring-store",
            "rcgen",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "sha2",
            "schemars",
            "ts-rs",
            "thiserror",
            "tokio",
            // Only in `src/bin`, for the browser on this machine: see WORDS.
            "axum",
            "unicode-normalization",
            "zeroize",
            "zxcvbn",
            "zstd",
        ],
        because: "desk is what a person can do, whatever shows it: no window, no county",
    },
    Law {
        package: "county",
        may_use: &[
            "domain",
            "store",
            "axum",
            "tokio",
            "tokio-postgres",
            "deadpool-postgres",
            "object_store",
            "hyper",
            "hyper-util",
            "tower",
            "rustls",
            "tokio-rustls",
            "rcgen",
            "rusqlite",
            "argon2",
            "base64",
            "chacha20poly1305",
            "chrono",
            "clap",
            "ed25519-dalek",
            "getrandom",
            "hmac",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "zeroize",
            "zstd",
            // Only in `crowd.rs`: as many connections as the system allows.
            "rustix",
        ],
        because: "county verifies, stores and forwards; it draws no form and is no desk",
    },
    Law {
        package: "ruhu",
        may_use: &[
            "desk",
            "tauri",
            "tauri-build",
            "tauri-plugin-dialog",
            "tauri-plugin-opener",
            "tauri-plugin-single-instance",
            "tauri-plugin-window-state",
            "clap",
            "serde",
            "serde_json",
            "thiserror",
        ],
        because: "the window holds no rule: it hands calls to the desk",
    },
    Law {
        package: "workload",
        may_use: &[],
        because: "the day that everybody is measured on knows none of those who are measured",
    },
    Law {
        package: "xtask",
        may_use: &["serde_json"],
        because: "xtask compiles before anything else and must stay quick",
    },
];

/// Packages whose edges are free, but for those that would bring the window into headless tests.
const FREE: &[(&str, &[&str])] = &[("tests", &["ruhu", "tauri"])];

/// Outside crates that a few packages alone may name, in whatever kind of dependency.
const ALONE: &[(&str, &[&str])] = &[
    ("printpdf", &["forms"]),
    ("crdts", &["domain", "tests"]),
    ("rusqlite", &["store", "county", "tests"]),
    ("axum", &["county", "desk", "tests"]),
    ("tauri", &["ruhu"]),
    ("hpke", &["store"]),
    // What comes from outside is read in another process alone.
    ("calamine", &["foreign"]),
    ("image", &["foreign", "forms", "tests"]),
];

/// Words that Rust files beneath a folder may hold only beneath another: what a manifest cannot say.
const WORDS: &[(&str, &str, &str)] = &[
    ("crates/domain/", "crdts::", "crates/domain/src/merge.rs"),
    ("crates/desk/src/", "axum::", "crates/desk/src/bin/"),
    ("crates/store/src/", "hpke::", "crates/store/src/bundle"),
    ("crates/store/src/", "rustix::", "crates/store/src/stick.rs"),
    ("crates/county/src/", "rustix::", "crates/county/src/crowd.rs"),
];

/// One dependency as a manifest states it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
    in_tests_only: bool,
}

/// Every finding of every rule; empty when the tree is tidy.
pub(crate) fn findings(place: &Place) -> Result<Vec<String>, Halt> {
    let mut found = edge_findings(&edges(place)?);
    for name in tracked(place)? {
        let path = place.root().join(&name);
        // A file deleted but still in the index is no longer there to be judged.
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        if let Ok(text) = std::str::from_utf8(&bytes) {
            found.extend(text_findings(&name, text));
        }
    }
    Ok(found)
}

/// What `cargo metadata` says of the workspace's own packages.
fn edges(place: &Place) -> Result<Vec<Edge>, Halt> {
    let words = must_answer(
        cargo(place.root()).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]),
        "reading the workspace (cargo metadata)",
    )?;
    let metadata = serde_json::from_str(&words)
        .map_err(|source| Halt::Json { what: "the answer of cargo metadata".to_owned(), source })?;
    Ok(edges_of(&metadata))
}

fn edges_of(metadata: &Value) -> Vec<Edge> {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text =
        |value: &Value, key: &str| -> String { value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned() };
    let mut edges = Vec::new();
    for package in list(metadata, "packages") {
        for dependency in list(&package, "dependencies") {
            edges.push(Edge {
                from: text(&package, "name"),
                to: text(&dependency, "name"),
                in_tests_only: text(&dependency, "kind") == "dev",
            });
        }
    }
    edges
}

fn edge_findings(edges: &[Edge]) -> Vec<String> {
    let mut found = Vec::new();
    for edge in edges {
        let Edge { from, to, in_tests_only } = edge;
        if let Some((_, owners)) = ALONE.iter().find(|(name, _)| name == to)
            && !owners.contains(&from.as_str())
        {
            found.push(format!("{from} names {to}, which only {} may", owners.join(" and ")));
            continue;
        }
        if let Some((_, never)) = FREE.iter().find(|(name, _)| name == from) {
            if never.contains(&to.as_str()) {
                found.push(format!("{from} must never depend on {to}"));
            }
            continue;
        }
        match LAWS.iter().find(|law| law.package == from) {
            None => found.push(format!("{from} has no line in the dependency law (xtask/src/tidy.rs)")),
            // Tests may lean on outside crates, but not turn the workspace's own arrows round.
            Some(_) if *in_tests_only && !LAWS.iter().any(|law| law.package == to) => {}
            Some(law) if !law.may_use.contains(&to.as_str()) => {
                found.push(format!("{from} may not depend on {to}: {}", law.because));
            }
            Some(_) => {}
        }
    }
    found
}

/// The files git tracks or would track, by their path from the root.
fn tracked(place: &Place) -> Result<Vec<String>, Halt> {
    let words = must_answer(
        command("git", place.root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]),
        "listing the files of the repository (git ls-files)",
    )?;
    Ok(words.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Folders of one machine, put together here so that this file does not name them itself.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("C:\\Us", "ers\\")];

fn text_findings(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_rust = Path::new(name).extension().is_some_and(|extension| extension == "rs");
    if is_rust && !text.starts_with("//! ") {
        found.push(format!("{name} does not open with //! (what it is for, and what it must never do)"));
    }
    for (folder, word, only) in WORDS {
        if is_rust && name.starts_with(folder) && !name.starts_with(only) && text.contains(word) {
            found.push(format!("{name} names {word}, which only {only} may"));
        }
    }
    for (at, line) in text.lines().enumerate() {
        for path in MACHINE_PATHS {
            if names_path(line, path) {
                found.push(format!("{name}:{} names a folder of one machine ({path})", at.saturating_add(1)));
            }
        }
        if name.ends_with("package-lock.json") && line.trim_start().starts_with("\"resolved\":") {
            found.push(format!(
                "{name}:{} names the registry it was made with: set omit-lockfile-registry-resolved",
                at.saturating_add(1)
            ));
        }
    }
    found
}

/// Whether a line names an absolute path, and not the middle of a longer one such as `crates/home/x`.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        line.get(..at)
            .and_then(|before| before.chars().next_back())
            .is_none_or(|before| !before.is_alphanumeric() && !matches!(before, '_' | '-' | '.' | '/' | '}' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str) -> Edge {
        Edge { from: from.to_owned(), to: to.to_owned(), in_tests_only: false }
    }

    #[test]
    fn this_workspace_keeps_the_dependency_law() {
        let edges = edges(&Place::find().unwrap()).unwrap();
        for package in ["domain", "store", "forms", "desk", "county", "ruhu"] {
            assert!(LAWS.iter().any(|law| law.package == package), "{package} has a law");
        }
        assert!(edges.iter().any(|e| e.from == "store" && e.to == "domain"), "the edges were really read");
        let found = edge_findings(&edges);
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn forbidden_edges_are_found() {
        for (from, to) in [
            ("domain", "rusqlite"),
            ("domain", "tokio"),
            ("domain", "getrandom"),
            ("store", "reqwest"),
            ("forms", "store"),
            ("desk", "tauri"),
            ("store", "axum"),
            ("desk", "county"),
            ("desk", "printpdf"),
            ("county", "forms"),
            ("county", "desk"),
            ("ruhu", "store"),
            ("ruhu", "domain"),
            ("tests", "ruhu"),
            ("somebody", "serde"),
        ] {
            assert_eq!(edge_findings(&[edge(from, to)]).len(), 1, "{from} -> {to} must be found once");
        }
        for (from, to) in [
            ("domain", "crdts"),
            ("store", "rusqlite"),
            ("forms", "printpdf"),
            ("desk", "foreign"),
            ("foreign", "calamine"),
            ("county", "axum"),
            ("ruhu", "tauri"),
            ("tests", "county"),
        ] {
            assert!(edge_findings(&[edge(from, to)]).is_empty(), "{from} -> {to}");
        }
    }

    #[test]
    fn tests_may_use_outside_crates_but_not_turn_arrows() {
        let in_tests = |from: &str, to: &str| Edge { in_tests_only: true, ..edge(from, to) };
        assert!(edge_findings(&[in_tests("domain", "proptest")]).is_empty());
        assert_eq!(edge_findings(&[in_tests("domain", "store")]).len(), 1);
        assert_eq!(edge_findings(&[in_tests("forms", "axum")]).len(), 1);
    }

    #[test]
    fn metadata_is_read_with_its_kinds() {
        let metadata = serde_json::json!({"packages": [{"name": "desk", "dependencies": [
            {"name": "domain", "kind": null}, {"name": "tempfile", "kind": "dev"},
            {"name": "cc", "kind": "build"}]}]});
        let edges = edges_of(&metadata);
        assert_eq!(edges[0], edge("desk", "domain"));
        assert!(edges[1].in_tests_only);
        assert_eq!(edges[2], edge("desk", "cc"));
    }

    #[test]
    fn openings_and_paths() {
        assert!(text_findings("crates/a/src/b.rs", "//! What it is for.\n").is_empty());
        assert_eq!(text_findings("crates/a/src/b.rs", "use x;\n").len(), 1);
        assert!(text_findings("a.ts", "const x = 1\n").is_empty());
        let bad = format!("see {}main for it", MACHINE_PATHS[0]);
        assert_eq!(text_findings("README.md", &bad).len(), 1);
        let good = format!("see crates{}main for it", MACHINE_PATHS[0]);
        assert!(text_findings("README.md", &good).is_empty());
        let api = "//! Calls.\nuse axum::Router;\n";
        assert_eq!(text_findings("crates/desk/src/api.rs", api).len(), 1);
        assert!(text_findings("crates/desk/src/bin/desk/serve.rs", api).is_empty());
        let lock = "  \"resolved\": \"somewhere\",\n";
        assert_eq!(text_findings("ui/package-lock.json", lock).len(), 1);
    }
}
