//! Files of weights with any contents, from the text in them to predictions for a table: the text is made
//! right with its checksum, as somebody would who wants to be believed.

use std::path::{Path, PathBuf};

use hobbit::Key;
use hobbit::prelude::*;
use hobbit::train::{Columns, Missing, Table, load};

use super::{give, readers};

const TABLE: &str =
    "age,colour,size,kind\n2,red,1,a\n,blue,3,b\n-0.5,,7,a\n4,red,,b\n9,green,2,a\n1,blue,5,b\n";
/// How many changed texts are read.
const CHANGED: usize = 2500;

#[search_space]
struct Hparams {
    #[int(2..=4)]
    width: usize,
}

/// The weights of a small model that takes the rows of a table, texts and missing values.
fn weights(dir: &Path) -> PathBuf {
    let table = Table::parse(TABLE).unwrap();
    let columns = Columns::except(["kind"]).texts(["colour"]).other(2).missing(Missing::Mean).mark_missing();
    let encoder = columns.fit(&table).unwrap();
    let (width, inputs) = (encoder.width(), encoder.encode(&table).unwrap());
    let (classes, names) = table.classes("kind").unwrap();
    let data = Dataset::new((&inputs, &classes), (&inputs, &classes)).unwrap();
    let data = data.class_names(names).encoder(encoder);
    let model = move |hp: &Hparams| {
        let network =
            Sequential::new([width]).normalize().dense(hp.width).activation(Activation::Tanh).dense(2);
        network.compile(Adam::new(0.1), Loss::CrossEntropy)
    };
    Hyperband::new(model).dataset(data).seed(1).workers(1).repo_dir(dir).quiet().run(1, 3).unwrap();
    let mut files = std::fs::read_dir(dir.join("weights")).unwrap().map(|file| file.unwrap().path());
    files.next().unwrap()
}

/// A file of weights: its text, and its arrays.
struct Weights {
    text: String,
    arrays: Vec<(String, Vec<usize>, Vec<u8>)>,
}

impl Weights {
    fn of(file: &[u8]) -> Weights {
        let (_, header) = safetensors::SafeTensors::read_metadata(file).unwrap();
        let (_, text) = header.metadata().as_ref().unwrap()["hobbit"].split_once(' ').unwrap();
        let tensors = safetensors::SafeTensors::deserialize(file).unwrap();
        let mut arrays: Vec<_> = tensors
            .tensors()
            .into_iter()
            .map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec()))
            .collect();
        arrays.sort();
        Weights { text: text.to_owned(), arrays }
    }

    /// The file with another text, and the checksum of that.
    fn with(&self, text: &str) -> Vec<u8> {
        let mut sum = crc32fast::Hasher::new();
        sum.update(text.as_bytes());
        for (name, shape, data) in &self.arrays {
            sum.update(format!("\n{name}: F32 {shape:?}\n").as_bytes());
            sum.update(data);
        }
        let view = |shape: &[usize], data| {
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), data).unwrap()
        };
        let views = self.arrays.iter().map(|(name, shape, data)| (name.as_str(), view(shape, data)));
        let metadata = [("hobbit".to_owned(), format!("{:08x} {text}", sum.finalize()))];
        safetensors::serialize(views, Some(metadata.into())).unwrap()
    }
}

#[test]
fn weights_with_any_text_are_models_or_errors() {
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::read(weights(dir.path())).unwrap();
    let weights = Weights::of(&file);
    assert_eq!(weights.with(&weights.text), file, "with the same text it is the same file");
    let path = dir.path().join("changed.safetensors");
    let tables = [TABLE, "age,colour,size\n1,violet,2\n", "a\n1\n"].map(|text| Table::parse(text).unwrap());
    let mut rng = Key::new(7).rng();
    let (mut models, mut errors) = (0, 0);
    for round in 0..CHANGED {
        let text = readers::changed(&mut rng, weights.text.as_bytes(), weights.text.as_bytes());
        let Ok(text) = String::from_utf8(text) else { continue };
        std::fs::write(&path, weights.with(&text)).unwrap();
        let mut read = None;
        let mut reads = |_: &Path, _: &[u8]| {
            let model = load(&path);
            if let Ok(model) = &model {
                tables.iter().for_each(|table| drop(model.predict_table(table)));
            }
            read = Some(model.map(drop));
        };
        give("weights", &mut reads, dir.path(), text.as_bytes(), &round);
        match read.unwrap() {
            Ok(()) => models += 1,
            Err(error) => {
                let says = error.to_string();
                assert!(says.contains("changed.safetensors"), "it does not name the file: {says}");
                errors += 1;
            }
        }
    }
    assert!(models > 50 && errors > 500, "{models} models, {errors} errors");
}
