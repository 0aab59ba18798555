//! The county's side of a stick: bundles to a device, sealed with the county's key, and bundles from devices that it
//! knows. What stands in them is the exchange's; here nothing is read out of an item.

use std::path::Path;

use domain::enrol::Refusal;
use domain::ids::{BundleKey, DeviceId, KeyPrint};
use store::bundle::{CHANCE, Direction, Envelope};
use store::stick::{self, Filler, Opened, Written};

use crate::county::{County, CountyFault, No};
use crate::ledger::{LedgerFault, Transaction};

impl County {
    /// What bundles to the county are sealed to.
    pub fn bundle_key(&self) -> BundleKey {
        self.bundle.key()
    }

    /// Remembers what bundles to a device are sealed to, and by which bundles from it are known.
    ///
    /// # Errors
    /// `NotAllowed` for a key that another device has said: its bundles would be taken for this one's.
    pub(crate) fn learn_bundle_key(&self, tx: &dyn Transaction, device: DeviceId, key: &BundleKey) -> Result<(), No> {
        match tx.bundle_sender(key.print())? {
            Some((known, _)) if known == device => Ok(()),
            Some(_) => Err(Refusal::NotAllowed.into()),
            // The county's own bundles are nobody else's either.
            None if *key == self.bundle_key() => Err(Refusal::NotAllowed.into()),
            None => Ok(tx.put_bundle_key(device, key)?),
        }
    }

    /// Writes a bundle for a device into a folder on a stick; `fill` puts the items in.
    ///
    /// # Errors
    /// `NoDevice`, `NoBundleKey`, `Stick`, or whatever `fill` fails with; the folder is then as before.
    pub fn write_bundle(
        &self,
        folder: &Path,
        device: DeviceId,
        fill: impl FnOnce(&mut Filler<'_>) -> Result<(), CountyFault>,
    ) -> Result<Written, CountyFault> {
        let to = self.receiver(device)?;
        let made_on = self.clock.now().civil().date_naive();
        let envelope = Envelope { from: &self.bundle, to, direction: Direction::Down, made_on };
        stick::write(folder, &envelope, &self.chance.fresh::<CHANCE>()?, fill)
    }

    /// Opens a bundle that is sealed to the county, and says which device sealed it. One of a device that is not
    /// enrolled, or no longer, is refused as one of an unknown sender.
    ///
    /// # Errors
    /// `Stick`, or what the ledger says.
    pub fn open_bundle(&self, path: &Path) -> Result<(DeviceId, Opened), CountyFault> {
        let mut sender = Ok(None);
        let opened = stick::open(path, &self.bundle, |print| {
            sender = self.sender(print);
            sender.as_ref().ok().copied().flatten().map(|(_, key)| key)
        });
        // The ledger's own trouble first: without it the sender might have been known.
        let (sender, opened) = (sender?, opened?);
        let (device, _) = sender.ok_or(LedgerFault::Damaged("a bundle key"))?;
        Ok((device, opened))
    }

    /// What bundles to an enrolled device are sealed to.
    pub(crate) fn receiver(&self, device: DeviceId) -> Result<BundleKey, CountyFault> {
        self.ledger.read(|tx| {
            tx.device(device)?.filter(|device| !device.revoked).ok_or(CountyFault::NoDevice(device))?;
            tx.bundle_key(device)?.ok_or(CountyFault::NoBundleKey(device))
        })
    }

    pub(crate) fn sender(&self, print: KeyPrint) -> Result<Option<(DeviceId, BundleKey)>, LedgerFault> {
        self.ledger.read(|tx| {
            let Some((device, key)) = tx.bundle_sender(print)? else { return Ok(None) };
            Ok(tx.device(device)?.filter(|device| !device.revoked).map(|device| (device.id, key)))
        })
    }
}
