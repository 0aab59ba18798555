//! Carrying for others: bundles that are not this desk's lie in a folder beside its database, as they came, until they can
//! go on: to the county when a line appears, onto the next stick if none does, and the answers back the same way.
//! Nothing in here has a key that opens one; what is carried may be lost, for its sender sends it again until it is told
//! that it arrived.

use std::fs;
use std::path::{Path, PathBuf};

use domain::enrol::Refusal;
use domain::ids::KeyPrint;
use store::bundle::{Direction, Header};
use store::stick::{self, Listed, StickFault};

use crate::api::SyncReport;
use crate::carry::Carrier;
use crate::courier::CourierFault;
use crate::failure::{Code, Failure};
use crate::visits::remark;
use crate::{Desk, home};

/// The folder beside the database.
const FOLDER: &str = "carried";
/// Bundles kept of one sender, or for one receiver: a later one holds what the earlier ones did.
const MOST_EACH: usize = 4;
/// Larger ones travel on sticks alone: what a county takes over the line.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// What lies in the folder and is whole from outside.
pub(crate) struct Lying {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    bytes: u64,
}

impl Desk {
    fn carried_folder(&self) -> Option<PathBuf> {
        self.store().folder().map(|folder| folder.join(FOLDER))
    }

    /// What this desk carries for others in one direction, oldest first.
    pub(crate) fn carried(&self, direction: Direction) -> Result<Vec<Lying>, Failure> {
        let Some(folder) = self.carried_folder().filter(|folder| folder.is_dir()) else { return Ok(Vec::new()) };
        let mut lying = Vec::new();
        for Listed { path, bytes, header } in stick::list(&folder)? {
            if let Ok(header) = header
                && header.direction == direction
            {
                let since = fs::metadata(&path).and_then(|found| found.modified()).ok();
                lying.push((since, Lying { path, header, bytes }));
            }
        }
        lying.sort_by(|a, b| (a.0, &a.1.path).cmp(&(b.0, &b.1.path)));
        Ok(lying.into_iter().map(|(_, lying)| lying).collect())
    }

    /// Takes a bundle of others along.
    pub(crate) fn take_along(&self, path: &Path) -> Result<(), Failure> {
        let folder = self.made_folder()?;
        // A disk that fails here is this computer's own, not a stick.
        stick::copy(path, &folder).map_err(|fault| {
            if matches!(fault, StickFault::Full { .. }) {
                Failure::new(Code::DiskFull, &[])
            } else if matches!(fault, StickFault::ReadOnly) {
                Failure::new(Code::DiskReadOnly, &[])
            } else {
                Failure::from(fault)
            }
        })?;
        self.thin_out()
    }

    fn made_folder(&self) -> Result<PathBuf, Failure> {
        let none = || Failure::new(Code::DiskBroken, &[]);
        let folder = self.carried_folder().ok_or_else(none)?;
        fs::create_dir_all(&folder).map_err(|error| Failure::from(store::StoreFault::Anchor(error)))?;
        Ok(folder)
    }

    /// Of each sender, and for each receiver, the last few are enough.
    fn thin_out(&self) -> Result<(), Failure> {
        let print = |header: &Header| match header.direction {
            Direction::Up => header.sender,
            Direction::Down => header.receiver,
        };
        for direction in [Direction::Up, Direction::Down] {
            let lying = self.carried(direction)?;
            for (at, one) in lying.iter().enumerate() {
                let later = lying.iter().skip(at).filter(|other| print(&other.header) == print(&one.header)).count();
                if later > MOST_EACH {
                    drop_file(&one.path);
                }
            }
        }
        Ok(())
    }

    /// Puts what is carried on a stick: the bundles to the county, and every answer, for it is not said whose stick it is.
    /// Returns how many lie there now.
    pub(crate) fn put_carried(&self, folder: &Path) -> Result<u32, Failure> {
        let mut put = 0_u32;
        for direction in [Direction::Down, Direction::Up] {
            for one in self.carried(direction)? {
                stick::copy(&one.path, folder)?;
                put = put.saturating_add(1);
            }
        }
        Ok(put)
    }

    /// Brings what is carried to the county over the line, and keeps the answers. It comes last in a contact and never
    /// fails it: own work is done by then.
    pub(crate) fn deliver_carried(&self, carrier: &mut Carrier<'_>, report: &mut SyncReport) -> Result<(), Failure> {
        let (mut brought, mut left) = (0_u32, 0_u32);
        for one in self.carried(Direction::Up)? {
            if one.bytes > MOST_BYTES {
                left = left.saturating_add(1);
                continue;
            }
            let Ok(sealed) = fs::read(&one.path) else { continue };
            match carrier.again(|courier, _| courier.bundle(&sealed)) {
                Ok(answer) => {
                    // First the answer, then away with the question: it may be asked twice, never not at all.
                    if stick::put_bytes(&answer, &self.made_folder()?).is_ok() {
                        drop_file(&one.path);
                        brought = brought.saturating_add(1);
                    }
                }
                // What the county does not take, from whomever, is of no use to carry on.
                Err(CourierFault::Refused(Refusal::DeviceUnknown | Refusal::DeviceLost | Refusal::Malformed)) => {
                    drop_file(&one.path);
                    left = left.saturating_add(1);
                }
                Err(CourierFault::Refused(_) | CourierFault::Wire(_)) => left = left.saturating_add(1),
                Err(_) => break,
            }
        }
        if brought > 0 {
            self.thin_out()?;
            report.remarks.push(remark(
                "CARRIED",
                &format!("替别人捎的{brought}个数据包已送到县里，回件已取回；写到U盘交给他们"),
                &format!("{brought} bundles of others went to the county; write their answers to the stick"),
            ));
        }
        if left > 0 {
            report.remarks.push(remark(
                "CARRIED_LEFT",
                &format!("替别人捎的数据包有{left}个县里没有收下，请他们重新写一次，或把U盘送到县里"),
                &format!(
                    "{left} bundles of others were not taken; have them written again or bring the stick to the county"
                ),
            ));
        }
        Ok(())
    }

    /// What bundles of this desk are known by.
    pub(crate) fn own_print(&self) -> KeyPrint {
        home::bundle_secret(&self.signing).key().print()
    }
}

fn drop_file(path: &Path) {
    // What stays is carried once more, which does no harm.
    fs::remove_file(path).ok();
}
