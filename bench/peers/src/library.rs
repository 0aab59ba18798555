//! What every library is asked for: documents before the day, a device's day as updates, the merge, and what can be read
//! afterwards. Nothing here may know a library.

use workload::{Edit, Workload};

/// Whatever stops a measurement.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A failure in words.
pub(crate) fn failure(words: &str) -> Failure {
    words.into()
}

/// What a document says of a family after the merge.
#[derive(Debug, Default)]
pub(crate) struct Family {
    /// Every value that can be read of the fields asked for, in their order; one unless the library keeps siblings.
    pub(crate) fields: Vec<Vec<String>>,
    /// Phone numbers.
    pub(crate) phones: Vec<String>,
    /// Lines of visits.
    pub(crate) visits: Vec<String>,
}

/// A CRDT library, with documents as large as it handles best.
pub(crate) trait Library {
    /// How many documents there are.
    fn documents(day: &Workload) -> u32;

    /// The document that an edit belongs to.
    fn document_of(edit: &Edit) -> u32;

    /// A document with its families as they stand before the day.
    fn baseline(day: &Workload, document: u32) -> Result<Vec<u8>, Failure>;

    /// What a device has to send of its edits in one document: one commit (transaction) an edit, as an app saves.
    fn update(state: &[u8], device: u32, edits: &[Edit]) -> Result<Vec<u8>, Failure>;

    /// The document with all these updates, as bytes to be kept.
    fn merge(state: &[u8], updates: &[&[u8]]) -> Result<Vec<u8>, Failure>;

    /// What can be read of families and their fields, by the library's calls for reading a document as it stands.
    fn read(state: &[u8], asked: &[(u32, Vec<&'static str>)]) -> Result<Vec<Family>, Failure>;
}

/// An id of a device in 64 bits that look like the random ones that libraries ask for, the same in each run.
pub(crate) fn device_id(device: u32) -> u64 {
    // The finisher of splitmix64; the baseline is written by the id of a device that is not there.
    let mut z = u64::from(device).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Who wrote what stands before the day.
pub(crate) const COUNTY: u32 = u32::MAX;

/// The name of a field, as every document calls it.
pub(crate) fn field(field: u8) -> Result<&'static str, Failure> {
    workload::field_name(field).ok_or_else(|| failure("a field without a name"))
}

/// The fields of a family that are filled before the day.
pub(crate) fn filled(day: &Workload, record: u32) -> Result<Vec<(&'static str, String)>, Failure> {
    let texts = (0_u8..).zip(day.baseline(record));
    texts.filter_map(|(number, text)| text.map(|text| Ok((field(number)?, text)))).collect()
}
