//! Papers by hash: photos and scans of receipts, printed sheets. The county never looks into one.
//! They come in pieces over bad lines; what came is kept, and is a paper only when it is whole and has its hash.
//! Whoever may see a section a paper belongs to may have it; nobody else, whatever they know of its hash.

use domain::blob::{MOST_BLOB, Piece, Stand};
use domain::enrol::Refusal;
use domain::ids::{DeviceId, Sha};

use crate::county::{County, No};
use crate::ledger::{Device, Part, Transaction};

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

/// Most parts kept for one device. A desk sends one blob after the other: more are leftovers.
const MOST_PARTS: usize = 8;
/// Most bytes of parts kept for one device.
const MOST_PART_BYTES: u64 = 48 * 1024 * 1024;
/// Parts that nobody touched for so long are dropped, milliseconds (30 days).
const PART_MILLIS: i64 = 30 * 86_400_000;

impl County {
    /// How much of a blob is here: where its device goes on.
    ///
    /// # Errors
    /// `DeviceUnknown`; `NotAllowed` as for [`County::take_blob`], before a byte is sent.
    pub fn blob_stand(&self, device: DeviceId, piece: &Piece) -> Result<Stand, Refusal> {
        self.settle(self.ledger.read(|tx| {
            let device = self.allowed(tx, device, piece)?;
            if placed(tx, piece)? {
                return Ok(Stand { have: piece.size, kept: true, ..Stand::default() });
            }
            let part = part(tx, device.id, piece.sha)?;
            Ok(Stand { have: part.map_or(0, |part| part.have), ..Stand::default() })
        }))
    }

    /// Takes bytes of a blob from `piece.from` on; the last ones make it whole, and only then is it kept, if the whole
    /// has its hash. Durable when it returns. Bytes that are here already are passed over, so that all may be sent again.
    ///
    /// Allowed to whoever may write a case worker's facts there now, and to a device whose facts there were let through:
    /// the photo of a receipt filed in time still comes home after the family went to somebody else.
    ///
    /// The answer says where to go on. It is refused `Gap` if the bytes do not follow what is here, and `WrongBytes` if
    /// the whole has another hash: then nothing of it is here any more, and it may begin again. What a device sent of a
    /// blob is its own: knowing a hash brings nobody nearer to bytes that others have sent.
    ///
    /// # Errors
    /// `DeviceUnknown`; `NotAllowed`, also for a paper that was erased from there; `TooLarge` above [`MOST_BLOB`];
    /// `Malformed` for bytes beyond the blob's end.
    pub fn take_blob(&self, device: DeviceId, piece: &Piece, bytes: &[u8]) -> Result<Stand, Refusal> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if piece.size > MOST_BLOB {
            return Err(Refusal::TooLarge);
        }
        if piece.from.saturating_add(count) > piece.size {
            return Err(Refusal::Malformed);
        }
        self.settle(self.ledger.write(|tx| {
            let device = self.allowed(tx, device, piece)?.id;
            if placed(tx, piece)? {
                return Ok(Stand { have: piece.size, kept: true, ..Stand::default() });
            }
            let now = self.clock.now();
            let part = match part(tx, device, piece.sha)? {
                Some(part) if part.size == piece.size => part,
                other => {
                    if other.is_some() {
                        // One hash has one size: of the two that were said, the later one counts.
                        tx.drop_part(device, piece.sha)?;
                    }
                    tx.sweep_parts(now.plus(PART_MILLIS.saturating_neg()))?;
                    tx.begin_part(device, piece.sha, piece.size, now)?;
                    Part { sha: piece.sha, size: piece.size, have: 0 }
                }
            };
            let Some(known) = part.have.checked_sub(piece.from) else {
                return Ok(Stand { have: part.have, refused: Some(Refusal::Gap), ..Stand::default() });
            };
            let fresh = usize::try_from(known).ok().and_then(|known| bytes.get(known..)).unwrap_or_default();
            make_room(tx, device, &part, fresh)?;
            if !fresh.is_empty() {
                tx.add_to_part(device, &part, fresh, now)?;
            }
            let have = part.have.saturating_add(u64::try_from(fresh.len()).unwrap_or(u64::MAX));
            if have < piece.size {
                return Ok(Stand { have, ..Stand::default() });
            }
            let whole = tx.part_bytes(device, piece.sha)?;
            tx.drop_part(device, piece.sha)?;
            if Sha::of(&whole) != piece.sha {
                return Ok(Stand { refused: Some(Refusal::WrongBytes), ..Stand::default() });
            }
            tx.add_blob(piece.sha, now, &whole)?;
            tx.add_blob_place(piece.sha, piece.file, piece.section, device)?;
            Ok(Stand { have, kept: true, ..Stand::default() })
        }))
    }

    /// The device, if it may bring papers of this section.
    fn allowed(&self, tx: &dyn Transaction, device: DeviceId, piece: &Piece) -> Result<Device, No> {
        let device = self.known(tx, device)?;
        let head = tx.head()?;
        let may = self.with_rights(tx, head, |rights| {
            rights.may_write(&device.person, "ReceiptFiled", piece.file, piece.section, head)
        })?;
        if tx.paper_erased(piece.sha, piece.file, piece.section)? {
            return Err(Refusal::NotAllowed.into());
        }
        if may || tx.wrote_in(device.id, piece.file, piece.section)? {
            Ok(device)
        } else {
            Err(Refusal::NotAllowed.into())
        }
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

/// Whether the blob is kept and belongs to this section already.
fn placed(tx: &dyn Transaction, piece: &Piece) -> Result<bool, No> {
    Ok(tx.blob_places(piece.sha)?.contains(&(piece.file, piece.section)))
}

fn part(tx: &dyn Transaction, device: DeviceId, sha: Sha) -> Result<Option<Part>, No> {
    Ok(tx.parts(device)?.into_iter().find(|part| part.sha == sha))
}

/// Drops the device's parts that were longest untouched until this one and its fresh bytes fit.
fn make_room(tx: &dyn Transaction, device: DeviceId, part: &Part, fresh: &[u8]) -> Result<(), No> {
    let others: Vec<Part> = tx.parts(device)?.into_iter().filter(|other| other.sha != part.sha).collect();
    let mut count = others.len().saturating_add(1);
    let own = part.have.saturating_add(u64::try_from(fresh.len()).unwrap_or(u64::MAX));
    let mut bytes = others.iter().fold(own, |sum, other| sum.saturating_add(other.have));
    for other in others {
        if count <= MOST_PARTS && bytes <= MOST_PART_BYTES {
            break;
        }
        tx.drop_part(device, other.sha)?;
        count = count.saturating_sub(1);
        bytes = bytes.saturating_sub(other.have);
    }
    Ok(())
}
