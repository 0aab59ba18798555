//! Bytes of facts, seals and the exchange: numbers in groups of seven bits, length-prefixed texts, nothing clever.
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
/// Texts go to a side of their own: zstd does better with them apart.
#[derive(Debug, Default)]
pub struct Writer {
    main: Vec<u8>,
    side: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for so many bytes.
    pub fn sized(bytes: usize) -> Self {
        Self { main: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// What was written, but for the side.
    pub fn done(self) -> Vec<u8> {
        self.main
    }

    /// What was written, and the side.
    pub fn both(self) -> (Vec<u8>, Vec<u8>) {
        (self.main, self.side)
    }

    /// What was written with its length before it, then the side.
    pub fn joined(self) -> Vec<u8> {
        let mut out = Self::new();
        out.bytes(&self.main).raw(&self.side);
        out.main
    }

    /// Bytes of a length both sides know, beside the others.
    pub fn side(&mut self, bytes: &[u8]) -> &mut Self {
        self.side.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, n: u8) -> &mut Self {
        self.main.push(n);
        self
    }

    /// Four bytes.
    pub fn u32(&mut self, n: u32) -> &mut Self {
        self.main.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// Eight bytes.
    pub fn u64(&mut self, n: u64) -> &mut Self {
        self.main.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self, n: i64) -> &mut Self {
        self.main.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// Bytes of a length both sides know.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.main.extend_from_slice(bytes);
        self
    }

    /// A number in groups of seven bits, least first: small numbers are one byte.
    pub fn varint(&mut self, mut n: u64) -> &mut Self {
        loop {
            let low = u8::try_from(n & 0x7f).unwrap_or(0x7f);
            n >>= 7;
            if n == 0 {
                return self.u8(low);
            }
            self.u8(low | 0x80);
        }
    }

    /// A count or length.
    pub fn count(&mut self, n: usize) -> &mut Self {
        self.varint(u64::try_from(n).unwrap_or(u64::MAX))
    }

    /// A signed number near zero in few bytes.
    pub fn near(&mut self, n: i64) -> &mut Self {
        self.varint(zigzag(n))
    }

    /// A span of milliseconds within ±2^61; whole seconds in fewer bytes. What lies beyond is cut.
    pub fn span(&mut self, millis: i64) -> &mut Self {
        let n = millis.clamp(-MOST_SPAN, MOST_SPAN);
        if n % 1000 == 0 { self.varint(zigzag(n / 1000) << 1) } else { self.varint(zigzag(n) << 1 | 1) }
    }

    /// Bytes with their length before them.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len()).raw(bytes)
    }
}

/// Farthest span that [`Writer::span`] carries, milliseconds: some seventy million years.
pub const MOST_SPAN: i64 = 1 << 61;

fn zigzag(n: i64) -> u64 {
    // The sign moves to the lowest bit.
    u64::from_be_bytes(((n << 1) ^ (n >> 63)).to_be_bytes())
}

fn unzigzag(n: u64) -> i64 {
    let half = i64::from_be_bytes((n >> 1).to_be_bytes());
    if n & 1 == 0 { half } else { !half }
}

/// Reads from the front.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    main: &'a [u8],
    side: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::of(bytes, &[])
    }

    /// A reader of what [`Writer::both`] gave.
    pub fn of(main: &'a [u8], side: &'a [u8]) -> Self {
        Self { main, side }
    }

    /// A reader of what [`Writer::joined`] gave.
    ///
    /// # Errors
    /// `Short`, `Range`.
    pub fn joined(bytes: &'a [u8]) -> Result<Self, WireFault> {
        let mut r = Self::new(bytes);
        let main = r.bytes(usize::MAX)?;
        Ok(Self::of(main, r.main))
    }

    /// The next `n` bytes of the side.
    ///
    /// # Errors
    /// `Short`.
    pub fn side(&mut self, n: usize) -> Result<&'a [u8], WireFault> {
        let (head, tail) = self.side.split_at_checked(n).ok_or(WireFault::Short)?;
        self.side = tail;
        Ok(head)
    }

    /// The next bytes of the side up to and with the first `end`, at most `most`.
    ///
    /// # Errors
    /// `Short`; `Range` over `most`.
    pub fn side_until(&mut self, end: u8, most: usize) -> Result<&'a [u8], WireFault> {
        let at = self.side.iter().take(most).position(|byte| *byte == end);
        match at {
            Some(at) => self.side(at.saturating_add(1)),
            None if self.side.len() >= most => Err(WireFault::Range("length")),
            None => Err(WireFault::Short),
        }
    }

    /// Bytes left.
    pub fn left(&self) -> usize {
        self.main.len()
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// `Short`.
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8], WireFault> {
        let (head, tail) = self.main.split_at_checked(n).ok_or(WireFault::Short)?;
        self.main = tail;
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

    /// A number of [`Writer::varint`]; only the shortest form is one.
    ///
    /// # Errors
    /// `Short`, `Range`.
    pub fn varint(&mut self) -> Result<u64, WireFault> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return Err(WireFault::Range("number"));
            }
            n |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(WireFault::Range("number"))
    }

    /// A number that must fit in four bytes.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    pub fn small(&mut self) -> Result<u32, WireFault> {
        u32::try_from(self.varint()?).or(Err(WireFault::Range("number")))
    }

    /// A signed number of [`Writer::near`].
    ///
    /// # Errors
    /// As [`Reader::varint`].
    pub fn near(&mut self) -> Result<i64, WireFault> {
        Ok(unzigzag(self.varint()?))
    }

    /// Milliseconds of [`Writer::span`].
    ///
    /// # Errors
    /// As [`Reader::varint`]; `Range` beyond [`MOST_SPAN`].
    pub fn span(&mut self) -> Result<i64, WireFault> {
        let n = self.varint()?;
        let half = unzigzag(n >> 1);
        let millis = if n & 1 == 0 { half.checked_mul(1000) } else { Some(half) };
        millis.filter(|n| (-MOST_SPAN..=MOST_SPAN).contains(n)).ok_or(WireFault::Range("time"))
    }

    /// How many items follow. No item is shorter than a byte: a count beyond the bytes left is a lie.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    pub fn count(&mut self) -> Result<usize, WireFault> {
        let n = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if n > self.left() { Err(WireFault::Range("count")) } else { Ok(n) }
    }

    /// Length-prefixed bytes, at most `most`.
    ///
    /// # Errors
    /// `Short`, or `Range` over `most`.
    pub fn bytes(&mut self, most: usize) -> Result<&'a [u8], WireFault> {
        let n = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
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
        if self.main.is_empty() && self.side.is_empty() { Ok(()) } else { Err(WireFault::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_their_shortest_bytes() {
        for n in [0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 1, u64::MAX] {
            let mut w = Writer::new();
            w.varint(n);
            let bytes = w.done();
            assert_eq!(Reader::new(&bytes).varint(), Ok(n));
            assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).varint(), Err(WireFault::Short));
        }
        for long in [
            &[0x80, 0x00][..],
            &[0xff, 0x80, 0x00],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ] {
            assert!(Reader::new(long).varint().is_err(), "{long:?}");
        }
        for n in [0, 1, -1, 999, 1000, -1000, 86_400_000, -86_399_999, MOST_SPAN, -MOST_SPAN] {
            let mut w = Writer::new();
            w.span(n).near(n);
            let bytes = w.done();
            let mut r = Reader::new(&bytes);
            assert_eq!((r.span(), r.near()), (Ok(n), Ok(n)));
        }
        let mut w = Writer::new();
        w.span(86_399_000);
        assert_eq!(w.done().len(), 3);
    }
}
