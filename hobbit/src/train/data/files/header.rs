//! The header of a `.npy` file: a magic number, a version, and a Python dictionary of three entries. See
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::Read;

use super::shown;

/// The longest header there is room for. Those of arrays of numbers have about a hundred bytes; version 1.0
/// cannot have more.
const LONGEST: usize = u16::MAX as usize;

/// NumPy's own limit of an array's dimensions.
const DIMENSIONS: usize = 64;

/// What an array is, as its header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) big_endian: bool,
    /// Whether the first dimension is the one that changes fastest.
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
    /// How many bytes the header itself has.
    pub(super) length: usize,
}

/// The kinds of numbers that can be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl Kind {
    /// The bytes of a number.
    pub(super) fn size(self) -> usize {
        match self {
            Kind::Bool | Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 | Kind::F16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 => 8,
        }
    }
}

impl Header {
    /// Reads the header, and leaves the reader where the numbers begin. Takes time and memory in proportion
    /// to its length, which is limited.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(from: &mut impl Read) -> Result<Header, String> {
        let mut start = [0; 8];
        from.read_exact(&mut start).map_err(|_| NO_ARRAY)?;
        let [magic @ .., major, _] = start;
        if magic != *b"\x93NUMPY" {
            return Err(NO_ARRAY.to_owned());
        }
        let mut length = [0; 4];
        let (bytes, _) = length.split_at_mut(if major == 1 { 2 } else { 4 });
        if !(1..=3).contains(&major) {
            return Err(format!("it is of version {major} of NumPy's format; 1 to 3 are known"));
        }
        from.read_exact(bytes).map_err(|_| CUT_OFF)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            return Err(format!(
                "its header is said to have {length} bytes; that of an array of numbers has about 100"
            ));
        }
        let mut text = vec![0; length];
        from.read_exact(&mut text).map_err(|_| CUT_OFF)?;
        let text = std::str::from_utf8(&text).map_err(|_| "its header is not text")?;
        Ok(Header { length, ..Text(text).header()? })
    }

    /// How many numbers there are.
    ///
    /// # Errors
    /// More than any memory has.
    pub(super) fn count(&self) -> Result<usize, String> {
        if self.shape.contains(&0) {
            return Ok(0);
        }
        let count = self.shape.iter().try_fold(1usize, |count, &length| count.checked_mul(length));
        // 8 bytes each are more than any kind needs, here and in memory
        count.filter(|count| *count <= isize::MAX as usize / 8).ok_or_else(|| {
            format!("its header says it has shape {:?}, which is more than any memory holds", self.shape)
        })
    }
}

const NO_ARRAY: &str = "it is not an array that NumPy saved (`.npy`)";
const CUT_OFF: &str = "it is cut off in its header";

/// What is left to read of a header's text. Nothing is nested and nothing is tried twice.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn header(mut self) -> Result<Header, String> {
        let (mut kind, mut fortran, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.eat('}') {
            let key = self.quoted()?;
            self.expect(':')?;
            let again = match key {
                "descr" => kind.replace(self.described()?).is_some(),
                "fortran_order" => fortran.replace(self.truth()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                other => return Err(format!("its header has an entry `{}`", shown(other))),
            };
            if again {
                return Err(format!("its header has `{key}` twice"));
            }
            if !self.eat(',') {
                self.expect('}')?;
                break;
            }
        }
        if !self.0.trim().is_empty() {
            return Err(format!("its header goes on after its end with `{}`", shown(self.0.trim())));
        }
        match (kind, fortran, shape) {
            (Some((kind, big_endian)), Some(fortran), Some(shape)) => {
                Ok(Header { kind, big_endian, fortran, shape, length: 0 })
            }
            _ => Err("its header lacks one of `descr`, `fortran_order` and `shape`".to_owned()),
        }
    }

    fn eat(&mut self, sign: char) -> bool {
        self.0 = self.0.trim_start();
        let rest = self.0.strip_prefix(sign);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        if self.eat(sign) {
            return Ok(());
        }
        Err(format!("its header has `{}` where `{sign}` should be", shown(self.0)))
    }

    /// The first part of the text, as long as its characters are such.
    fn word(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        self.0 = self.0.trim_start();
        let end = self.0.find(|c| !of(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    fn quoted(&mut self) -> Result<&'a str, String> {
        self.0 = self.0.trim_start();
        let mark = self.0.chars().next().filter(|mark| matches!(mark, '\'' | '"'));
        let text = mark.and_then(|mark| self.0[1..].split_once(mark));
        let (text, rest) =
            text.ok_or_else(|| format!("its header has `{}` where a quoted text should be", shown(self.0)))?;
        self.0 = rest;
        Ok(text)
    }

    fn truth(&mut self) -> Result<bool, String> {
        match self.word(char::is_alphanumeric) {
            "True" => Ok(true),
            "False" => Ok(false),
            other => Err(format!("its header has the order `{}`, which is not True or False", shown(other))),
        }
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            let digits = self.word(|c| c.is_ascii_digit());
            let length = digits.parse().map_err(|_| {
                format!(
                    "its header has the length `{}`, which is not one",
                    shown(&format!("{digits}{}", self.0))
                )
            })?;
            // Python 2 wrote long integers so
            self.eat('L');
            shape.push(length);
            if shape.len() > DIMENSIONS {
                return Err(format!("its header has more than {DIMENSIONS} dimensions"));
            }
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }

    /// The kind of numbers, and whether the highest byte comes first.
    fn described(&mut self) -> Result<(Kind, bool), String> {
        self.0 = self.0.trim_start();
        if self.0.starts_with(['[', '(', '{']) {
            return Err(
                "it is an array of records; save each of their fields as an array of its own".to_owned()
            );
        }
        let described = self.quoted()?;
        let known = described.strip_prefix(['<', '>', '=', '|']).unwrap_or(described);
        let kind = match known {
            "b1" | "?" => Kind::Bool,
            "u1" => Kind::U8,
            "i1" => Kind::I8,
            "u2" => Kind::U16,
            "i2" => Kind::I16,
            "u4" => Kind::U32,
            "i4" => Kind::I32,
            "u8" => Kind::U64,
            "i8" => Kind::I64,
            "f2" => Kind::F16,
            "f4" => Kind::F32,
            "f8" => Kind::F64,
            other => return Err(unknown(described, other)),
        };
        let native = cfg!(target_endian = "big") && !described.starts_with('<');
        Ok((kind, described.starts_with('>') || native))
    }
}

fn unknown(described: &str, kind: &str) -> String {
    let what = match kind.chars().next() {
        Some('O') => ", Python objects (convert them with `.astype(np.float32)` before saving)",
        Some('U' | 'S' | 'a') => ", texts (save their classes as numbers)",
        Some('c') => ", complex numbers (save `.real` and `.imag`)",
        Some('M' | 'm') => ", dates or spans of time (save them as numbers)",
        Some('V') => ", records or raw bytes",
        _ => "",
    };
    format!("its numbers are of type `{}`{what}; floats, integers and booleans are known", shown(described))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_version(version: [u8; 2], header: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend(version);
        let length = (header.len() as u32).to_le_bytes();
        bytes.extend(&length[..if version[0] == 1 { 2 } else { 4 }]);
        bytes.extend(header.as_bytes());
        bytes
    }

    fn read(header: &str) -> Result<Header, String> {
        Header::read(&mut with_version([1, 0], header).as_slice())
    }

    #[test]
    fn headers_are_read_as_numpy_writes_them_and_wrote_them() {
        let whole = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n";
        let (kind, length) = (Kind::F32, whole.len());
        let right = Header { kind, big_endian: false, fortran: false, shape: vec![2, 3], length };
        for version in [[1, 0], [2, 0], [3, 0]] {
            assert_eq!(Header::read(&mut with_version(version, whole).as_slice()).unwrap(), right);
        }
        let other = read("{\"shape\":(7L,),\"descr\":\">i8\",\"fortran_order\":True}").unwrap();
        let right = Header { kind: Kind::I64, big_endian: true, fortran: true, shape: vec![7], length: 50 };
        assert_eq!(other, right);
        let scalar = read("{'descr': '|b1', 'fortran_order': False, 'shape': ()}").unwrap();
        assert_eq!((scalar.kind, scalar.count()), (Kind::Bool, Ok(1)));
        let none = read("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4611686018427387904, 8)}");
        assert_eq!(none.unwrap().count(), Ok(0));
    }

    #[test]
    fn what_is_wrong_with_a_header_is_said() {
        let of = |descr: &str| {
            read(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}\n")).unwrap_err()
        };
        assert!(of("'|O'").contains("Python objects"));
        assert!(of("'<U5'").contains("texts") && of("'|S3'").contains("texts"));
        assert!(of("'<c8'").contains("complex") && of("'<M8[ns]'").contains("dates"));
        assert!(of("'<f16'").contains("`<f16`") && of("'|V2'").contains("records"));
        assert!(of("[('x', '<f4'), ('y', '<i4')]").contains("records"));
        assert!(of("None").contains("quoted"));
        assert!(read("").unwrap_err().contains('{'));
        assert!(read("{'descr': '<f4'}").unwrap_err().contains("lacks"));
        assert!(read("{'descr': '<f4', 'descr': '<f8'}").unwrap_err().contains("twice"));
        assert!(read("{'more': 1}").unwrap_err().contains("`more`"));
        let shape = |shape: &str| read(&format!("{{'descr':'<f4','fortran_order':False,'shape':{shape}}}"));
        assert!(shape("(-1,)").unwrap_err().contains("`-1,"));
        assert!(shape("(99999999999999999999999,)").unwrap_err().contains("length"));
        assert!(shape("3").unwrap_err().contains("`(`"));
        assert!(shape(&format!("({})", "1,".repeat(65))).unwrap_err().contains("64 dimensions"));
        let many = shape("(4611686018427387904, 8)").unwrap().count().unwrap_err();
        assert!(many.contains("4611686018427387904"), "{many}");
        assert!(shape("(4294967296, 4294967296)").unwrap().count().is_err());
    }

    /// Other readers try each opening bracket in several ways.
    #[test]
    fn brackets_take_no_time() {
        for sign in ["{", "[", "("] {
            let nested = sign.repeat(60_000);
            assert!(read(&format!("{{'descr': {nested}")).unwrap_err().contains("records"));
            assert!(read(&format!("{{'shape': ({nested}")).unwrap_err().contains("length"));
            assert!(read(&nested).is_err());
        }
        let long = with_version([2, 0], "{}");
        let long = [&long[..8], &[0xff; 4], b"{}"].concat();
        assert!(Header::read(&mut long.as_slice()).unwrap_err().contains("4294967295 bytes"));
        assert!(Header::read(&mut &long[..10]).unwrap_err().contains("cut off"));
        assert!(Header::read(&mut &long[..5]).unwrap_err().contains("not an array"));
    }
}
