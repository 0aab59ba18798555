//! The database of a home, opened with its own key by whoever has the passphrase: what a laptop really holds.
//! Looking reads a copy; only `left_by_older`, `of_schema_before` and `spoil_sum` change a home, and only while its desk is
//! locked.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::fact::{Batch, Fact};
use domain::ids::unhex;
use domain::wire::WireFault;
use rusqlite::types::ValueRef;
use serde_json::Value;
use store::file::FileKey;
use zeroize::Zeroizing;

use crate::folder::Folder;
use crate::seat::text;

/// The tables of the home's database in which any of `needles` stands in any cell, as text or within bytes, with the
/// needle; sorted. The desk should be locked or idle.
///
/// # Panics
/// When the home does not open with `passphrase`, or is of a form unknown here.
pub fn tables_with(home: &Path, passphrase: &str, needles: &[String]) -> Vec<(String, String)> {
    let copy = Folder::fresh();
    for name in ["ruhu.db", "ruhu.db-wal", "ruhu.db-shm"] {
        let from = home.join(name);
        if from.exists() {
            std::fs::copy(&from, copy.join(name)).expect("a copy of the database");
        }
    }
    let conn = store::file::open(&copy.join("ruhu.db"), &key(home, passphrase)).expect("the key opens the database");
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").expect("a query");
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).expect("tables").map(|name| name.expect("a name")).collect();
    assert!(names.iter().any(|name| name == "entry"), "a desk's database: {names:?}");
    let mut found = Vec::new();
    for table in names {
        let mut all = conn.prepare(&format!("SELECT * FROM \"{table}\"")).expect("a query");
        let columns = all.column_count();
        let mut rows = all.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..columns {
                let (ValueRef::Text(cell) | ValueRef::Blob(cell)) = row.get_ref(column).expect("a cell") else {
                    continue;
                };
                let said = said(&table, cell);
                let stands = |needle: &&String| {
                    holds(cell, needle.as_bytes()) || said.iter().any(|body| holds(body, needle.as_bytes()))
                };
                for needle in needles.iter().filter(stands) {
                    found.push((table.clone(), needle.clone()));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// What facts say in a cell that holds them in their compact form.
fn said(table: &str, cell: &[u8]) -> Vec<Vec<u8>> {
    let facts: Vec<Fact> = match table {
        "packed" => {
            let batch = Batch::parse(cell).and_then(|batch| batch.facts().or(Err(WireFault::Range("facts"))));
            batch.map(|facts| facts.into_iter().map(|verified| verified.fact).collect()).unwrap_or_default()
        }
        "open_fact" => Fact::parse(cell).into_iter().collect(),
        _ => Vec::new(),
    };
    facts.into_iter().map(|fact| fact.body).collect()
}

fn holds(cell: &[u8], needle: &[u8]) -> bool {
    cell.windows(needle.len()).any(|part| part == needle)
}

/// Makes a home what a version of before some member of its identity left: the member is taken out. The desk must be
/// locked.
///
/// # Panics
/// When the home does not open with `passphrase`, or has no such member.
pub fn left_by_older(home: &Path, passphrase: &str, member: &str) {
    let conn = store::file::open(&home.join("ruhu.db"), &key(home, passphrase)).expect("the key opens the database");
    let me: Vec<u8> =
        conn.query_row("SELECT value FROM meta WHERE key = 'me'", [], |row| row.get(0)).expect("an identity");
    let mut me: Value = serde_json::from_slice(&me).expect("JSON");
    me.as_object_mut().expect("an object").remove(member).expect("the member");
    let me = serde_json::to_vec(&me).expect("JSON");
    conn.execute("UPDATE meta SET value = ?1 WHERE key = 'me'", [me]).expect("written");
}

/// Makes a home's file one of the schema before, by the statements that the store's own tests have for that. The desk must be
/// locked.
///
/// # Panics
/// When the home does not open with `passphrase`, or is of another schema than those statements are for.
pub fn of_schema_before(home: &Path, passphrase: &str) {
    const BACK: &str = include_str!("../../crates/store/src/folder/back_to_9.sql");
    let conn = store::file::open(&home.join("ruhu.db"), &key(home, passphrase)).expect("the key opens the database");
    conn.execute_batch(BACK).expect("a file of the schema before");
}

/// Spoils what a desk counts of one record of others, so that its sum can never equal the county's. The desk must be locked.
///
/// # Panics
/// When the home does not open with `passphrase`, or has no such record.
pub fn spoil_sum(home: &Path, passphrase: &str) {
    let conn = store::file::open(&home.join("ruhu.db"), &key(home, passphrase)).expect("the key opens the database");
    let spoil = "UPDATE entry SET leaf = leaf + 1 WHERE n = (SELECT min(n) FROM fact WHERE leaf IS NOT NULL
         AND position IS NOT NULL AND held = 0 AND (n >> 32) NOT IN (SELECT no FROM journal WHERE own = 1))";
    assert_eq!(conn.execute(spoil, []).expect("written"), 1, "a record of others");
}

/// Unwraps the database's key as the program does: Argon2id, then XChaCha20-Poly1305.
fn key(home: &Path, passphrase: &str) -> FileKey {
    let keys = std::fs::read(home.join("keys.json")).expect("the keys file");
    let keys: Value = serde_json::from_slice(&keys).expect("JSON");
    let number = |name: &str| u32::try_from(keys[name].as_u64().expect("a number")).expect("a small number");
    let bytes = |name: &str| -> Vec<u8> {
        let digits = text(&keys[name]).as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte");
        digits.chunks(2).map(byte).collect()
    };
    let params = Params::new(number("memory_kib"), number("passes"), 1, Some(32)).expect("parameters");
    let mut stretched = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), &bytes("salt"), &mut stretched)
        .expect("a key");
    let nonce: [u8; 24] = bytes("nonce").try_into().expect("24 bytes");
    let aad = format!("ruhu keys 1 practice={}", keys["practice"]);
    let plain = XChaCha20Poly1305::new(&stretched.into())
        .decrypt(&XNonce::from(nonce), Payload { msg: &bytes("sealed"), aad: aad.as_bytes() })
        .expect("the passphrase opens the keys");
    let secrets: Value = serde_json::from_slice(&plain).expect("JSON");
    FileKey(Zeroizing::new(unhex(text(&secrets["database"])).expect("32 bytes")))
}
