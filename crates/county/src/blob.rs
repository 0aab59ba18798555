//! Papers by hash: photos and scans of receipts, printed sheets. The county never looks into one.
//! Whoever may see a section a paper belongs to may have it; nobody else, whatever they know of its hash.

use domain::enrol::Refusal;
use domain::ids::{DeviceId, FileId, Sha};
use domain::words::Section;

use crate::county::County;

/// Part of a paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperPart {
    /// Its bytes from the asked offset.
    pub bytes: Vec<u8>,
    /// Offset of the first.
    pub from: u64,
    /// Bytes of the whole.
    pub size: u64,
}

impl County {
    /// Keeps a paper of a section. Sent again, nothing changes.
    ///
    /// Allowed to whoever may write a case worker's facts there now, and to a device whose facts there were let through:
    /// the photo of a receipt filed in time still comes home after the family went to somebody else.
    ///
    /// # Errors
    /// `DeviceUnknown`; `Malformed` if the bytes are not those of the hash; `NotAllowed`, also for a paper that was erased
    /// from there.
    pub fn put_blob(
        &self,
        device: DeviceId,
        sha: Sha,
        file: FileId,
        section: Section,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        if Sha::of(bytes) != sha {
            return Err(Refusal::Malformed);
        }
        self.settle(self.ledger.write(|tx| {
            let device = self.known(tx, device)?;
            let head = tx.head()?;
            let may = self.with_rights(tx, head, |rights| {
                rights.may_write(&device.person, "ReceiptFiled", file, section, head)
            })?;
            if tx.paper_erased(sha, file, section)? {
                return Err(Refusal::NotAllowed.into());
            }
            if !may && !tx.wrote_in(device.id, file, section)? {
                return Err(Refusal::NotAllowed.into());
            }
            tx.add_blob(sha, self.clock.now(), bytes)?;
            tx.add_blob_place(sha, file, section, device.id)?;
            Ok(())
        }))
    }

    /// A paper, or at most `count` bytes of it from `from`.
    ///
    /// # Errors
    /// `DeviceUnknown`, `NotFound`, `NotAllowed`; `Malformed` for an offset beyond its end.
    pub fn blob(&self, device: DeviceId, sha: Sha, from: u64, count: Option<u64>) -> Result<PaperPart, Refusal> {
        self.settle(self.ledger.read(|tx| {
            let device = self.known(tx, device)?;
            let size = tx.blob_size(sha)?.ok_or(Refusal::NotFound)?;
            let head = tx.head()?;
            let see = self.with_rights(tx, head, |rights| rights.entitled(&device.person, device.id, head))?;
            let places = tx.blob_places(sha)?;
            if !places.iter().any(|(file, section)| see.since(*file, *section).is_some()) {
                return Err(Refusal::NotAllowed.into());
            }
            if from > size {
                return Err(Refusal::Malformed.into());
            }
            let bytes = tx.blob_bytes(sha, from, count.unwrap_or(size))?;
            Ok(PaperPart { bytes, from, size })
        }))
    }
}
