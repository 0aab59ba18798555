//! Looks for words and pictures where none of them may be: every file below a folder, in every writing that a program could
//! have left them in. It finds them also in the middle of a file, whatever stands around them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;

/// Bytes by which a needle is first noticed.
const EDGE: usize = 8;

/// What is looked for: each with what it is called.
#[derive(Default)]
pub struct Canaries {
    by_edge: BTreeMap<[u8; EDGE], Vec<(Vec<u8>, String)>>,
    count: usize,
}

impl Canaries {
    /// Looks for bytes as they stand and in base64; shorter ones than eight are not found.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.count += 1;
        self.needle(name, bytes.to_vec());
        for skipped in 0..3 {
            // What is around them moves them within a group of three; the groups at both ends hold others' bits.
            let part = bytes.get((3 - skipped) % 3..).unwrap_or_default();
            let whole = part.len() / 3 * 3;
            let encoded = base64::engine::general_purpose::STANDARD.encode(part.get(..whole).unwrap_or_default());
            self.needle(&format!("{name} in base64"), encoded.into_bytes());
        }
    }

    /// Looks for a text in UTF-8, UTF-16 either way round, GB18030, base64, and as JSON and addresses escape it.
    pub fn text(&mut self, text: &str) {
        self.bytes(text, text.as_bytes());
        let sixteen: Vec<u16> = text.encode_utf16().collect();
        self.needle(&format!("{text} in UTF-16LE"), sixteen.iter().flat_map(|unit| unit.to_le_bytes()).collect());
        self.needle(&format!("{text} in UTF-16BE"), sixteen.iter().flat_map(|unit| unit.to_be_bytes()).collect());
        self.needle(&format!("{text} in GB18030"), encoding_rs::GB18030.encode(text).0.into_owned());
        let escaped: String = sixteen.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        self.needle(&format!("{text} escaped"), escaped.into_bytes());
        let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.needle(&format!("{text} in an address"), percent.into_bytes());
    }

    fn needle(&mut self, name: &str, bytes: Vec<u8>) {
        if let Some(edge) = bytes.first_chunk::<EDGE>() {
            self.by_edge.entry(*edge).or_default().push((bytes, name.to_owned()));
        }
    }

    /// How many are looked for.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What of them these bytes hold.
    pub fn within(&self, bytes: &[u8]) -> BTreeSet<String> {
        // One look at two bytes leaves few places.
        let mut begins = vec![false; 1 << 16];
        for edge in self.by_edge.keys() {
            begins[usize::from(edge[0]) << 8 | usize::from(edge[1])] = true;
        }
        let mut found = BTreeSet::new();
        for (at, window) in bytes.windows(EDGE).enumerate() {
            if !begins[usize::from(window[0]) << 8 | usize::from(window[1])] {
                continue;
            }
            let edge: [u8; EDGE] = window.try_into().expect("eight bytes");
            for (needle, name) in self.by_edge.get(&edge).into_iter().flatten() {
                if bytes[at..].starts_with(needle) {
                    found.insert(name.clone());
                }
            }
        }
        found
    }

    /// What of them lies below a folder: the file and what it holds. Names of files are looked at, too.
    ///
    /// # Panics
    /// When the folder cannot be read.
    pub fn below(&self, folder: &Path) -> Vec<String> {
        let mut out = Vec::new();
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.to_string_lossy().into_owned();
            out.extend(self.within(name.as_bytes()).into_iter().map(|what| format!("the name {name} tells {what}")));
            if path.is_dir() {
                out.extend(self.below(&path));
            } else if let Ok(bytes) = std::fs::read(&path) {
                out.extend(self.within(&bytes).into_iter().map(|what| format!("{name} holds {what}")));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_in_every_writing_and_at_every_place() {
        let mut canaries = Canaries::default();
        canaries.text("槐树湾三棵柿子树");
        let sixteen: Vec<u8> = "槐树湾三棵柿子树".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let gb = encoding_rs::GB18030.encode("槐树湾三棵柿子树").0.into_owned();
        for before in 0..7 {
            let around = |what: &[u8]| [&vec![b'x'; before], what, b"yz"].concat();
            for plain in ["槐树湾三棵柿子树".as_bytes(), &sixteen, &gb] {
                assert!(!canaries.within(&around(plain)).is_empty(), "{before}");
            }
            let encoded = base64::engine::general_purpose::STANDARD.encode(around("槐树湾三棵柿子树".as_bytes()));
            assert!(!canaries.within(encoded.as_bytes()).is_empty(), "{before} in base64");
        }
        assert!(canaries.within("槐树湾三棵柿".as_bytes()).is_empty());
    }
}
