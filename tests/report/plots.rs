//! Pictures that a program asks its results for.

use std::path::Path;

use hobbit::report::Plot;
use hobbit::{Hyperband, Results};

use crate::support::Curve;

fn sweep(dir: Option<&Path>, max_epochs: u32) -> Results<Curve> {
    let study = Hyperband::of(Curve::default()).seed(3).workers(2).quiet();
    let study = match dir {
        Some(dir) => study.repo_dir(dir),
        None => study,
    };
    study.run(max_epochs, 3).unwrap()
}

/// The numbers of its marks, which say which trials they stand for.
fn marks(svg: &str) -> Vec<&str> {
    svg.split("data-t=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn results_have_pictures_with_a_repository_and_without() {
    let dir = tempfile::tempdir().unwrap();
    let (with, without) = (sweep(Some(&dir.path().join("study")), 27), sweep(None, 27));
    for plot in [Plot::History, Plot::Importance, Plot::Curves, Plot::Parallel] {
        let (one, other) = (with.plot(plot).unwrap(), without.plot(plot).unwrap());
        assert!(one.svg().starts_with("<svg ") && one.svg().ends_with("</svg>\n"), "{plot}");
        assert!(!one.svg().contains("NaN") && !one.svg().contains("inf"), "{plot}");
        // which trial ended first depends on the workers, and nothing else
        if plot != Plot::History {
            assert_eq!(one, other, "{plot}");
        }
        assert_eq!(marks(one.svg()).len(), marks(other.svg()).len(), "{plot}");
    }
    // the parts are the pictures of the page
    let curves = with.plot(Plot::Curves).unwrap();
    let pictures = with.report().unwrap().pictures();
    let parts = pictures.iter().filter(|(name, _)| name.starts_with("curves-"));
    let parts: Vec<&str> = parts.flat_map(|(_, svg)| marks(svg)).collect();
    assert!(parts.len() >= 4);
    assert_eq!(marks(curves.svg()), parts);
}

#[test]
fn pictures_are_files() {
    let dir = tempfile::tempdir().unwrap();
    let results = sweep(None, 27);
    let file = dir.path().join("curves.svg");
    std::fs::write(&file, "what was there before, which is longer than nothing").unwrap();
    assert_eq!(results.plot_curves(&file).unwrap().svg(), std::fs::read_to_string(&file).unwrap());
    results.plot_history(dir.path().join("history.svg")).unwrap();
    results.plot_importance(dir.path().join("importance.svg")).unwrap();
    results.plot_parallel(dir.path().join("parallel.svg")).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);
    let missing = dir.path().join("nowhere").join("curves.svg");
    let error = results.plot_curves(&missing).unwrap_err();
    assert!(error.is_io());
    assert!(
        error.to_string().contains("could not write the picture") && error.to_string().contains("nowhere")
    );
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let results = sweep(None, 3);
    let error = results.plot_importance(dir.path().join("importance.svg")).unwrap_err().to_string();
    assert!(error.contains("the importance of the hyperparameters"), "{error}");
    assert!(error.contains("Too few trials to tell"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file without a picture");
}
