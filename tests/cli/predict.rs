//! `hobbit predict`: with the models that this hobbit can build, or in words why it builds none.

use super::Place;

#[cfg(not(feature = "predict"))]
#[test]
fn without_models_it_says_what_to_install() {
    let place = Place::with_study();
    let output = place.run("predict study new.csv");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("cargo install hobbit-cli --features predict"), "{text}");
}

#[cfg(feature = "predict")]
mod with_models {
    use hobbit::prelude::*;
    use hobbit::train::{Columns, Missing, Split, Table, load};

    use super::Place;

    #[search_space]
    struct Hparams {
        #[int(2..=6)]
        width: usize,
    }

    const TABLE: &str = "id,height,weight,kind\na,1.5,40,cat\nb,2.5,10,dog\nc,1.25,44,cat\nd,2.75,13,dog\n";

    /// A study of a table, with names, and the table without its classes.
    fn study(place: &Place, name: &str, is_named: bool) -> Table {
        let table = Table::parse(TABLE).unwrap();
        let columns = ["height", "weight"];
        let x = table.numbers(&columns).unwrap();
        let (y, classes) = table.classes("kind").unwrap();
        let mut data = Dataset::new((&x, &y), (&x, &y)).unwrap();
        if is_named {
            data = data.class_names(classes).feature_names(columns);
        }
        let model = |hp: &Hparams| {
            let network = Sequential::new([2]).normalize().dense(hp.width).dense(2);
            network.compile(Adam::new(0.1), Loss::CrossEntropy)
        };
        Hyperband::new(model).dataset(data).quiet().repo_dir(place.path(name)).run(9, 3).unwrap();
        std::fs::write(place.path("new.csv"), "weight,id,height\n40,a,1.5\n10,b,2.5\n").unwrap();
        std::fs::write(place.path("bare.csv"), "height,weight\n1.5,40\n2.5,10\n").unwrap();
        Table::read(place.path("new.csv")).unwrap()
    }

    #[test]
    fn classes_have_their_names_and_probabilities() {
        let place = Place::new();
        let table = study(&place, "study", true);
        let printed = place.stdout("predict study new.csv");
        let model = load(place.path("study")).unwrap();
        let predictions = model.predict_table(&table).unwrap();
        let mut expected = "class,probability.cat,probability.dog\n".to_owned();
        for (label, row) in predictions.labels().unwrap().iter().zip(predictions.rows()) {
            expected += &format!("{label},{},{}\n", row[0], row[1]);
        }
        assert_eq!(printed, expected);
        assert!(printed.contains("\ncat,0.9") && printed.contains("\ndog,0.0"), "{printed}");
        let json = place.json("predict study new.csv --format json");
        assert_eq!(json.as_array().unwrap().len(), 2);
        for (object, row) in json.as_array().unwrap().iter().zip(predictions.rows()) {
            assert_eq!(object["probability.dog"].as_f64().unwrap() as f32, row[1]);
        }
        assert_eq!((&json[0]["class"], &json[1]["class"]), (&"cat".into(), &"dog".into()));
        // the file of weights alone, into a file
        let weights = place.stdout("best study --weights");
        place.stdout(&format!("predict {} new.csv -o out.csv", weights.trim()));
        assert_eq!(std::fs::read_to_string(place.path("out.csv")).unwrap(), expected);
        let trial = weights.trim().rsplit('/').next().unwrap().replace(".safetensors", "");
        assert_eq!(place.stdout(&format!("predict study new.csv --trial {trial}")), expected);
    }

    #[test]
    fn what_is_not_there_or_does_not_fit_is_said() {
        let place = Place::new();
        study(&place, "study", true);
        study(&place, "bare", false);
        let fails = |words: &str, code: i32, parts: &[&str]| {
            let output = place.run(words);
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(output.stdout.is_empty());
            assert_eq!(output.status.code(), Some(code), "{words}: {text}");
            parts.iter().for_each(|part| assert!(text.contains(part), "{words}: {part:?} is not in {text}"));
        };
        fails("predict study nowhere.csv", 3, &["nowhere.csv"]);
        fails("predict nowhere new.csv", 3, &["nowhere"]);
        fails("predict study new.csv --trial 9-9", 4, &["9-9"]);
        fails("predict study new.csv -o study/results.ron", 2, &["belongs to the repository"]);
        std::fs::write(place.path("odd.csv"), "weight,height\n40,tall\n").unwrap();
        fails("predict study odd.csv", 1, &["line 2", "`tall`"]);
        fails("predict bare new.csv", 1, &["2 numbers", "3 columns"]);
        // a file of its columns alone is taken as it is, and that is said
        let output = place.run("predict bare bare.csv");
        let (text, note) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(text.starts_with("class,probability.0,probability.1\n0,0.9"), "{text}");
        assert!(note.contains("height, weight"), "{note}");
        std::fs::remove_dir_all(place.path("study/weights")).unwrap();
        fails("predict study new.csv", 4, &["weights"]);
    }

    #[test]
    fn texts_and_missing_values_are_taken_as_in_training() {
        let place = Place::new();
        let mut text = "height;colour;kind\n".to_owned();
        for row in 0..40 {
            let (height, colour) = (row % 7, if row % 5 == 0 { "" } else { ["red", "blue"][row % 2] });
            text += &format!("{height};{colour};{}\n", ["cat", "dog"][row % 2]);
        }
        std::fs::write(place.path("raw.csv"), &text).unwrap();
        let table = hobbit::train::ReadOptions::new().delimiter(';').table(place.path("raw.csv")).unwrap();
        let parts = table.split(&Split::new(0.25)).unwrap();
        let columns = Columns::except(["kind"]).texts(["colour"]).missing(Missing::Mean);
        let encoder = columns.fit(&parts.training).unwrap();
        let data = Dataset::of_classes(&parts, "kind", &encoder).unwrap();
        let width = encoder.width();
        let model = move |hp: &Hparams| {
            let network = Sequential::new([width]).normalize().dense(hp.width).dense(2);
            network.compile(Adam::new(0.1), Loss::CrossEntropy)
        };
        Hyperband::new(model).dataset(data).quiet().repo_dir(place.path("study")).run(3, 3).unwrap();
        let printed = place.stdout("predict study raw.csv --delimiter ;");
        let model = load(place.path("study")).unwrap();
        let predictions = model.predict_table(&table).unwrap();
        let expected = predictions.labels().unwrap();
        let found = printed.lines().skip(1).map(|line| line.split(',').next().unwrap());
        assert!(found.eq(expected.iter().copied()), "{printed}");
        std::fs::write(place.path("odd.csv"), "height,colour\n1,red\n2,pink\n").unwrap();
        let output = place.run("predict study odd.csv");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("line 3") && error.contains("`pink`"), "{error}");
    }
}
