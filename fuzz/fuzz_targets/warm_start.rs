#![no_main]

hobbit_fuzz::target!("warm_start");
