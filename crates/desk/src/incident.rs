//! The log of incidents: causes of failures under their number, for whoever helps. Never a name, a number or a text of
//! a family: causes are error chains of the program, whose own errors hold none.

use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Says once where the log lies: in the home's folder.
pub(crate) fn keep_in(home: PathBuf) {
    // A second home in one process keeps the first one's log; only tests open two.
    drop(FOLDER.set(home));
}

/// Notes a cause under its number. Where nothing can be written the cause goes to standard error.
pub(crate) fn note(number: &str, cause: &str) {
    let line = format!("{number} {cause}\n");
    let written = FOLDER.get().is_some_and(|home| {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(home.join("incidents.log"))
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .is_ok()
    });
    if !written {
        // Nothing is left to tell if standard error is closed too.
        drop(std::io::stderr().write_all(line.as_bytes()));
    }
}
