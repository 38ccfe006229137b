#![cfg_attr(fuzzing, no_main)]

medianode_fuzz::target!(sctp);
