#![no_main]

hobbit_fuzz::target!("csv_import");
