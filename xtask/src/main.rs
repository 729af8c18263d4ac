//! Chores of this repository that are not part of the product.

mod layers;
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
    /// Check that no crate uses one that it must not
    Layers,
    /// Regenerate the schema table of the api crate from public packages
    Schema(schema::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Layers => layers::run(),
        Chore::Schema(arguments) => schema::run(&arguments),
    }
}
