//! Randomness from the operating system, in one place. Nothing else in the county draws any.

/// `N` fresh random bytes.
///
/// # Errors
/// The operating system gives none.
pub(crate) fn fresh<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut out = [0; N];
    getrandom::fill(&mut out)?;
    Ok(out)
}
