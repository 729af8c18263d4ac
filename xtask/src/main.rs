//! Chores of this repository that are not part of the product.

mod schema;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Chores of the Coracle repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Regenerate the schema table of the api crate from public packages
    Schema(schema::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Schema(arguments) => schema::run(&arguments),
    }
}
