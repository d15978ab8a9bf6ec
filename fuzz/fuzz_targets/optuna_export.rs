#![no_main]

hobbit_fuzz::target!("optuna_export");
