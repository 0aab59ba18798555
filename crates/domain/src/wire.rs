//! Bytes of facts, seals and the exchange: big-endian numbers and length-prefixed texts, nothing clever.
//! Reading never trusts a length: it fails before it allocates. What was read is hashed as it was read.

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Short,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
    /// A number outside what is allowed here.
    #[error("a value is out of range: {0}")]
    Range(&'static str),
    /// Bytes after the end.
    #[error("bytes after the end")]
    Trailing,
}

/// Writes; cannot fail except by the caller exceeding a length, which `put_*` cuts off as a fault at reading.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub fn done(self) -> Vec<u8> {
        self.0
    }

    /// One byte.
    pub fn u8(&mut self, n: u8) -> &mut Self {
        self.0.push(n);
        self
    }

    /// Four bytes.
    pub fn u32(&mut self, n: u32) -> &mut Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// Eight bytes.
    pub fn u64(&mut self, n: u64) -> &mut Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self, n: i64) -> &mut Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// Bytes of a length both sides know.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes with their length in four bytes before them.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).raw(bytes)
    }
}

/// Reads from the front.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes left.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// `Short`.
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8], WireFault> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(WireFault::Short)?;
        self.0 = tail;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// `Short`.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireFault> {
        let mut out = [0; N];
        out.copy_from_slice(self.raw(N)?);
        Ok(out)
    }

    /// One byte.
    ///
    /// # Errors
    /// `Short`.
    pub fn u8(&mut self) -> Result<u8, WireFault> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// `Short`.
    pub fn u32(&mut self) -> Result<u32, WireFault> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// `Short`.
    pub fn u64(&mut self) -> Result<u64, WireFault> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Eight bytes, signed.
    ///
    /// # Errors
    /// `Short`.
    pub fn i64(&mut self) -> Result<i64, WireFault> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Length-prefixed bytes, at most `most`.
    ///
    /// # Errors
    /// `Short`, or `Range` over `most`.
    pub fn bytes(&mut self, most: usize) -> Result<&'a [u8], WireFault> {
        let n = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if n > most {
            return Err(WireFault::Range("length"));
        }
        self.raw(n)
    }

    /// A length-prefixed text, at most `most` bytes.
    ///
    /// # Errors
    /// `Short`, `Range`, `Text`.
    pub fn text(&mut self, most: usize) -> Result<&'a str, WireFault> {
        match std::str::from_utf8(self.bytes(most)?) {
            Ok(text) => Ok(text),
            Err(_) => Err(WireFault::Text),
        }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// `Trailing`.
    pub fn end(self) -> Result<(), WireFault> {
        if self.0.is_empty() { Ok(()) } else { Err(WireFault::Trailing) }
    }
}
