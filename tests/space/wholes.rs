//! Whole numbers up to the ends of 64 bits.

use hobbit::space::{Domain, Value};
use hobbit::{Key, SearchSpace, search_space};

use super::{comes_back, every_way};

const LARGE: u64 = 1 << 63;

#[search_space]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Large {
    #[int(0..=u64::MAX)]
    seed: u64,
    #[int(i64::MIN..=i64::MAX)]
    signed: i64,
    #[int(0..=u64::MAX, step = 3)]
    stepped: u64,
    #[int(1..=u64::MAX, log)]
    log: u64,
    #[int(u64::MAX - 3..=u64::MAX)]
    last: u64,
    #[choice(1, 18446744073709551615)]
    choice: u64,
    #[distribution(rand_distr::Uniform::new_inclusive(0, u64::MAX))]
    sampled: u64,
    #[fixed(u64::MAX)]
    mask: u64,
    #[derived(seed)]
    again: u64,
}

/// Steps that do not fit 32 bits, between ends that are not literals.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct LargeSteps {
    #[int(0..=u64::MAX, step = 4611686018427387904)]
    quarters: u64,
    #[int(i64::MIN..=i64::MAX, step = 9223372036854775808)]
    signs: i64,
    #[int(0..=u64::MAX, step = 2147483648)]
    stepped: u64,
}

#[test]
fn steps_may_be_larger_than_32_bits() {
    let (mut quarters, mut signs) = (Vec::new(), Vec::new());
    for seed in 0..200 {
        let drawn = LargeSteps::draw(Key::new(seed)).unwrap();
        assert_eq!(drawn.check().map_err(|error| error.to_string()), Ok(()));
        assert_eq!(drawn.stepped % 2_147_483_648, 0);
        quarters.push(drawn.quarters);
        signs.push(drawn.signs);
    }
    quarters.sort_unstable();
    quarters.dedup();
    signs.sort_unstable();
    signs.dedup();
    assert_eq!(quarters, [0, 1 << 62, 1 << 63, 3 << 62]);
    assert_eq!(signs, [i64::MIN, 0]);
}

#[test]
fn every_number_of_a_range_can_be_drawn_and_comes_back() {
    let (mut low_bits, mut places) = ([0u32; 8], [0u32; 8]);
    let mut signs = [0u32; 2];
    for seed in 0..4000 {
        let drawn = Large::draw(Key::new(seed)).unwrap();
        if seed < 200 {
            comes_back(&drawn);
            let decoded = Large::decode(&drawn.encode()).unwrap();
            assert!(
                decoded.seed.abs_diff(drawn.seed) <= 1 << 11
                    && decoded.signed.abs_diff(drawn.signed) <= 1 << 11
            );
            assert!(decoded.stepped.abs_diff(drawn.stepped) <= 3 << 11);
            assert_eq!((decoded.log, decoded.last, decoded.choice), (drawn.log, drawn.last, drawn.choice));
        }
        low_bits[(drawn.seed % 8) as usize] += 1;
        places[(drawn.seed >> 61) as usize] += 1;
        signs[usize::from(drawn.signed < 0)] += 1;
        assert_eq!(drawn.stepped % 3, 0);
    }
    // chi-squared with 7 degrees of freedom: 24.3 is the 0.999 quantile
    for counts in [low_bits, places] {
        let chi: f64 = counts.iter().map(|&count| (f64::from(count) - 500.0).powi(2) / 500.0).sum();
        assert!(chi < 24.3, "{counts:?}");
    }
    assert!(signs.iter().all(|&count| count > 1800), "{signs:?}");
}

#[test]
fn numbers_above_the_signed_ones_are_shown_and_described_as_they_are() {
    let mut drawn = Large::draw(Key::new(1)).unwrap();
    (drawn.seed, drawn.again) = (LARGE, LARGE);
    let values = drawn.values();
    let value = |name: &str| &values.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!((value("seed"), value("again")), (&Value::UInt(LARGE), &Value::UInt(LARGE)));
    assert_eq!((value("mask"), value("mask").to_string()), (&Value::UInt(u64::MAX), u64::MAX.to_string()));
    (drawn.seed, drawn.again) = (LARGE - 1, LARGE - 1);
    assert_eq!(drawn.values()[0].1, Value::Int(i64::MAX));
    let space = Large::space();
    let domain = |place: usize| space.parameters()[place].domain();
    assert_eq!(*domain(0), Domain::UInt { low: 0, high: u64::MAX, step: 1, log: false });
    assert_eq!(*domain(1), Domain::Int { low: i64::MIN, high: i64::MAX, step: 1, log: false });
    assert_eq!(domain(0).to_string(), "int 0 to 18446744073709551615");
    assert_eq!(domain(5).to_string(), "one of 1, 18446744073709551615");
    assert!(domain(3).is_log());
    let text = ron::to_string(&space).unwrap();
    assert_eq!(ron::from_str::<hobbit::space::Space>(&text).unwrap(), space);
    drawn.last = 7;
    let error = drawn.check().unwrap_err().to_string();
    assert_eq!(error, "`last` is 7; it has to be int 18446744073709551612 to 18446744073709551615");
}

#[test]
fn small_types_have_their_whole_range() {
    #[search_space]
    #[derive(Debug, Clone, PartialEq)]
    struct Small {
        #[int(u8::MIN..=u8::MAX)]
        unsigned: u8,
        #[int(i8::MIN..=i8::MAX, step = 5)]
        signed: i8,
        #[int(1..=u8::MAX, log)]
        log: u8,
    }
    let (mut least, mut most) = ([u8::MAX; 2], [0; 2]);
    for seed in 0..3000 {
        let drawn = Small::draw(Key::new(seed)).unwrap();
        every_way(&drawn);
        for (place, number) in [drawn.unsigned, drawn.log].into_iter().enumerate() {
            (least[place], most[place]) = (least[place].min(number), most[place].max(number));
        }
    }
    assert_eq!((least, most), ([0, 1], [255, 255]));
}
