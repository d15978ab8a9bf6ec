//! One value of a configuration, as tables and files have it.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16,
    NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One hyperparameter's value, for tables and files.
///
/// Values are equal if they are of the same kind and hold the same; unlike in floats, NaN is equal to NaN, so
/// that a configuration is always equal to itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Value {
    /// A switch.
    Bool(bool),
    /// A whole number up to `i64::MAX`.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Anything else.
    Text(String),
    /// A whole number above `i64::MAX`.
    UInt(u64),
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b || a.is_nan() && b.is_nan(),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::UInt(a), Value::UInt(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::UInt(value) => value.fmt(f),
            // the shortest text that reads back as the same number
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(value) => value.fmt(f),
        }
    }
}

impl Value {
    /// A whole number; one of more than 64 bits is text.
    pub(crate) fn whole(number: i128) -> Value {
        match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Value::Int(number),
            (_, Ok(number)) => Value::UInt(number),
            _ => Value::Text(number.to_string()),
        }
    }

    /// Whether a repository may hold `recorded` for this value: it is the same, or what hobbit 0.1.0 wrote
    /// for it.
    pub(crate) fn is_recorded_as(&self, recorded: &Value) -> bool {
        if self == recorded {
            return true;
        }
        match (self, recorded) {
            // above i64::MAX, numbers of a range were cut off, and those of a distribution wrapped around
            (Value::UInt(ours), Value::Int(theirs)) => *theirs == i64::MAX || *theirs == *ours as i64,
            (Value::UInt(ours), _) => {
                guessed(&ours.to_string()) == *recorded || ours.to_string() == recorded.to_string()
            }
            // fixed and derived values were guessed from how they look in Rust
            (Value::Text(ours), _) => {
                let mut letters = ours.chars();
                let letter = letters.next().filter(|_| letters.next().is_none());
                [ours.clone(), format!("{ours:?}")].iter().any(|look| guessed(look) == *recorded)
                    || letter.is_some_and(|letter| guessed(&format!("{letter:?}")) == *recorded)
            }
            _ => false,
        }
    }
}

/// What hobbit 0.1.0 took a value for that looks so.
fn guessed(look: &str) -> Value {
    if let Ok(number) = look.parse() {
        return Value::Int(number);
    }
    if let Ok(number) = look.parse() {
        return Value::Float(number);
    }
    match look {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => Value::Text(text.trim_matches('"').to_owned()),
    }
}

/// A value of any type, for tables: numbers, switches and texts by their type, anything else as text that
/// shows what it is.
pub(super) fn shown<T: fmt::Debug + 'static>(value: &T) -> Value {
    number(value).or_else(|| text(value)).unwrap_or_else(|| {
        // what shows as one quoted text, such as a type around a `String`
        Value::Text(format!("{value:?}").trim_matches('"').to_owned())
    })
}

fn number(value: &dyn Any) -> Option<Value> {
    macro_rules! whole {
        ($($ty:ty)*) => {
            $(if let Some(&value) = value.downcast_ref::<$ty>() {
                return Some(Value::whole(value.into()));
            })*
        };
    }
    macro_rules! nonzero {
        ($($ty:ty)*) => {
            $(if let Some(value) = value.downcast_ref::<$ty>() {
                return number(&value.get());
            })*
        };
    }
    whole!(u8 u16 u32 u64 i8 i16 i32 i64 i128);
    if let Some(&value) = value.downcast_ref::<usize>() {
        return Some(Value::whole(value as i128));
    }
    if let Some(&value) = value.downcast_ref::<isize>() {
        return Some(Value::whole(value as i128));
    }
    if let Some(&value) = value.downcast_ref::<u128>() {
        return Some(i128::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::whole));
    }
    nonzero!(NonZeroU8 NonZeroU16 NonZeroU32 NonZeroU64 NonZeroU128 NonZeroUsize);
    nonzero!(NonZeroI8 NonZeroI16 NonZeroI32 NonZeroI64 NonZeroI128 NonZeroIsize);
    if let Some(&value) = value.downcast_ref::<f64>() {
        return Some(Value::Float(value));
    }
    if let Some(&value) = value.downcast_ref::<f32>() {
        // its own few digits: 0.1 instead of 0.10000000149011612
        return Some(Value::Float(value.to_string().parse().unwrap_or_else(|_| value.into())));
    }
    value.downcast_ref::<bool>().map(|&value| Value::Bool(value))
}

fn text(value: &dyn Any) -> Option<Value> {
    macro_rules! texts {
        ($($ty:ty)*) => {
            $(if let Some(value) = value.downcast_ref::<$ty>() {
                return Some(Value::Text(value.to_string()));
            })*
        };
    }
    texts!(String &'static str char Box<str> Arc<str> Rc<str> Cow<'static, str>);
    value.downcast_ref::<PathBuf>().map(|path| Value::Text(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Impute {
        NaN,
        Inf,
    }

    #[test]
    fn values_are_shown_by_their_type() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(shown(&7u8), Value::Int(7));
        assert_eq!(shown(&-7i64), Value::Int(-7));
        assert_eq!(shown(&u64::MAX), Value::UInt(u64::MAX));
        assert_eq!(shown(&usize::MAX), Value::UInt(u64::MAX));
        assert_eq!(shown(&u128::from(u64::MAX)), Value::UInt(u64::MAX));
        assert_eq!(shown(&(1i128 << 100)), text("1267650600228229401496703205376"));
        assert_eq!(shown(&NonZeroU64::MAX), Value::UInt(u64::MAX));
        assert_eq!(shown(&0.1f32), Value::Float(0.1));
        assert_eq!(shown(&f32::NAN), Value::Float(f64::NAN));
        assert_eq!(shown(&f64::NEG_INFINITY), Value::Float(f64::NEG_INFINITY));
        assert_eq!(shown(&true), Value::Bool(true));
        for odd in ["", "7", "NaN", "true", "a\n\"b\"", "\\", " a ", "\"", "é\u{7f}"] {
            assert_eq!(shown(&odd.to_owned()), text(odd));
            assert_eq!(shown(&Cow::Borrowed(odd)), text(odd));
        }
        assert_eq!((shown(&'\n'), shown(&'7')), (text("\n"), text("7")));
        assert_eq!((shown(&Impute::NaN), shown(&Impute::Inf)), (text("NaN"), text("Inf")));
        assert_eq!(shown(&Some(0.5)), text("Some(0.5)"));
        assert_eq!(shown(&None::<u8>), text("None"));
        assert_eq!(shown(&(1, "a")), text("(1, \"a\")"));
    }

    /// Studies of hobbit 0.1.0 have such values.
    #[test]
    fn what_was_guessed_before_is_still_known() {
        let known = |value: Value, recorded: Value| {
            assert!(value.is_recorded_as(&recorded), "{value:?}, {recorded:?}")
        };
        known(shown(&Impute::NaN), Value::Float(f64::NAN));
        known(shown(&Impute::Inf), Value::Float(f64::INFINITY));
        known(shown(&u64::MAX), Value::Float(1.844_674_407_370_955_2e19));
        known(Value::UInt(u64::MAX - 5), Value::Int(i64::MAX));
        known(Value::UInt(u64::MAX - 5), Value::Int(-6));
        known(Value::UInt(u64::MAX), Value::Text(u64::MAX.to_string()));
        known(shown(&"a\n\"b".to_owned()), Value::Text("a\\n\\\"b".to_owned()));
        known(shown(&'a'), Value::Text("'a'".to_owned()));
        known(shown(&f64::NAN), Value::Float(f64::NAN));
        assert!(!Value::Int(7).is_recorded_as(&Value::Int(8)));
        assert!(!Value::Float(0.5).is_recorded_as(&Value::Float(0.25)));
        assert!(!shown(&"a".to_owned()).is_recorded_as(&Value::Text("b".to_owned())));
        assert!(!Value::UInt(u64::MAX).is_recorded_as(&Value::Int(7)));
    }

    #[test]
    fn a_value_equals_itself() {
        for value in
            [Value::Float(f64::NAN), Value::Float(0.0), Value::UInt(u64::MAX), Value::Text(String::new())]
        {
            assert_eq!(value, value.clone());
        }
        assert_eq!(Value::Float(-0.0), Value::Float(0.0));
        assert_ne!(Value::Int(1), Value::Float(1.0));
        assert_ne!(Value::Float(f64::NAN), Value::Float(1.0));
    }
}
