//! Backups: a copy of ledger and keys in a folder, believed only after it has been opened elsewhere and read through; and
//! going on from one. The anchor is never part of a backup: a county without it knows that it was restored.
//! It must never call a position safe that a copy does not give back, nor write into a folder that holds a county.

use std::path::{Path, PathBuf};

use domain::VerifyingKey;
use domain::exchange::Mark;
use domain::fact::Batch;
use domain::ids::Sha;
use domain::rights::Position;

use crate::clock::Clock;
use crate::county::{County, CountyFault, folder};
use crate::keys::{self, Keys};
use crate::ledger::{Ledger, LedgerFault};

const LEDGER: &str = "ledger.db";
const KEYS: &str = "keys.json";
/// Where a copy is opened to be read through; removed afterwards.
const TRIAL: &str = "trial";

/// What a copy holds, as it was read from the copy itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Backed {
    /// Its last position: everything up to there is safe.
    pub head: Position,
    /// The running hash there.
    pub chain: Sha,
    /// Facts up to there.
    pub facts: u64,
}

impl County {
    /// Copies the county of `home` into the new folder `to` while it is served, opens the copy elsewhere, checks every
    /// page, every seal and the running hash from the first entry, and compares it with the ledger. Only then is its head
    /// told to desks as safe.
    ///
    /// # Errors
    /// `AlreadyThere` if `to` holds a county, `Unsound` for a copy that is not the ledger, or what the disk says.
    pub fn backup(&self, home: &Path, to: &Path) -> Result<Backed, CountyFault> {
        empty(to)?;
        self.ledger.copy(&to.join(LEDGER))?;
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(home.join(KEYS)).map_err(at(home))?);
        keys::keep(&to.join(KEYS), &text)?;
        let backed = read_through(to)?;
        let here = self.ledger.read(|tx| {
            let head = backed.head.min(tx.head()?);
            Ok::<_, LedgerFault>(Backed { head, chain: tx.chain_at(head)?, facts: tx.facts_upto(head)? })
        })?;
        if here != backed {
            return Err(CountyFault::Unsound(LedgerFault::Damaged("the copy is not this ledger")));
        }
        self.ledger.write(|tx| tx.set_safe(backed.head))?;
        Ok(backed)
    }

    /// Goes on from the copy in `from` in the new folder `home`, after reading the copy through. What desks know beyond it
    /// is asked back from them at their next contact.
    ///
    /// # Errors
    /// `NotThere` if `from` holds no county, `AlreadyThere` if `home` does, `Unsound`, or what the disk says.
    pub fn restore(from: &Path, home: &Path, clock: Clock) -> Result<Self, CountyFault> {
        if !from.join(KEYS).exists() || !from.join(LEDGER).exists() {
            return Err(CountyFault::NotThere(from.to_owned()));
        }
        let backed = read_through(from)?;
        empty(home)?;
        std::fs::copy(from.join(LEDGER), home.join(LEDGER)).map_err(at(home))?;
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(from.join(KEYS)).map_err(at(from))?);
        let keys = Keys::load(&from.join(KEYS))?;
        {
            let ledger = Ledger::open(&home.join(LEDGER), &keys.ledger)?;
            // The copy that this county comes from was read through just now.
            ledger.write(|tx| tx.set_safe(backed.head))?;
        }
        keys::keep(&home.join(KEYS), &text)?;
        Self::open(home, clock)
    }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> CountyFault + '_ {
    move |source| CountyFault::Home { path: path.to_owned(), source }
}

/// Makes a folder that holds no county.
fn empty(path: &Path) -> Result<(), CountyFault> {
    if path.join(KEYS).exists() || path.join(LEDGER).exists() {
        return Err(CountyFault::AlreadyThere(path.to_owned()));
    }
    folder(path)
}

/// Opens a copy of the copy, so that the copy itself stays as it was written, and reads all of it.
fn read_through(folder_of: &Path) -> Result<Backed, CountyFault> {
    let keys = Keys::load(&folder_of.join(KEYS))?;
    let trial = Trial(folder_of.join(TRIAL));
    folder(&trial.0)?;
    let path = trial.0.join(LEDGER);
    std::fs::copy(folder_of.join(LEDGER), &path).map_err(at(&trial.0))?;
    let read = Ledger::open(&path, &keys.ledger).and_then(|ledger| {
        ledger.sound()?;
        walk(&ledger, &keys.master.verifying_key())
    });
    read.map_err(CountyFault::Unsound)
}

struct Trial(PathBuf);

impl Drop for Trial {
    fn drop(&mut self) {
        // What cannot be removed is in the way of the next trial, which says so.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Every entry from the first: its seal, and the running hash.
fn walk(ledger: &Ledger, master: &VerifyingKey) -> Result<Backed, LedgerFault> {
    ledger.read(|tx| {
        let head = tx.head()?;
        let mut chain = Sha([0; 32]);
        for position in 1..=head {
            let entry = tx.entry(position)?.ok_or(LedgerFault::Damaged("a position without an entry"))?;
            let batch = Batch::parse(&entry.bytes)?;
            let journal = tx.journal(entry.journal)?.ok_or(LedgerFault::Damaged("an entry without its journal"))?;
            let device = match journal.device {
                Some(device) => tx.device(device)?,
                None => None,
            };
            match device {
                Some(device) => {
                    let key = VerifyingKey::from_bytes(&device.key);
                    batch.verify(&key.ok().ok_or(LedgerFault::Damaged("a device's key"))?)?
                }
                None => batch.verify(master)?,
            };
            chain = Mark::then(&chain, &batch.seal.hash(), &entry.received);
            if chain != entry.chain {
                return Err(LedgerFault::Damaged("the running hash"));
            }
        }
        Ok(Backed { head, chain, facts: tx.facts_upto(head)? })
    })
}
