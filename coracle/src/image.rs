//! `coracle image`: the images that the node of a data directory holds.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use kubelet_lite::image::{ImageRecord, Store};
use serde_json::json;

use crate::up::{default_data_dir, images_path};

/// What `coracle image` is told. Its help text stands with the command, in `cli.rs`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The cluster's data directory [default: as for `coracle up`]
    #[arg(long, global = true, value_name = "DIR", env = "CORACLE_DATA_DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import images from OCI-layout or `docker save` archives (.tar, .tar.gz, .tar.zst)
    Import {
        /// Archives to read
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List the images that pods can use without a registry
    List {
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Remove images by reference or id
    Remove {
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
}

pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let data_dir = match arguments.data_dir {
        Some(directory) => directory,
        None => default_data_dir()?,
    };
    let store = open(&data_dir)?;
    match arguments.command {
        Command::Import { files } => import(&store, &files),
        Command::List { output } => list(&store, output),
        Command::Remove { images } => remove(&store, &images),
    }
}

fn open(data_dir: &Path) -> anyhow::Result<Store> {
    Store::open(images_path(data_dir))
        .with_context(|| format!("cannot open the images of {}", data_dir.display()))
}

fn import(store: &Store, files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        let images = store
            .import(file, |_| {})
            .with_context(|| format!("cannot import {}", file.display()))?;
        for image in images {
            println!("imported {}", names(&image));
        }
    }
    Ok(())
}

fn names(image: &ImageRecord) -> String {
    match image.references.as_slice() {
        [] => image.id.clone(),
        references => references.join(", "),
    }
}

fn list(store: &Store, output: Output) -> anyhow::Result<()> {
    let images = store.list()?;
    match output {
        Output::Json => {
            let images: Vec<_> = images
                .iter()
                .map(|image| {
                    json!({
                        "id": image.id,
                        "references": image.references,
                        "digests": image.digests,
                        "sizeBytes": image.size_bytes,
                    })
                })
                .collect();
            println!("{}", serde_json::to_string_pretty(&images)?);
        }
        Output::Table => {
            let mut table = comfy_table::Table::new();
            table.load_preset(comfy_table::presets::NOTHING);
            table.set_header(["IMAGE", "ID", "SIZE"]);
            for image in &images {
                let id = image.id.trim_start_matches("sha256:");
                let mib = image.size_bytes as f64 / (1024.0 * 1024.0);
                let short = id.get(..12).unwrap_or(id).to_owned();
                table.add_row([names(image), short, format!("{mib:.1} MiB")]);
            }
            println!("{table}");
        }
    }
    Ok(())
}

fn remove(store: &Store, images: &[String]) -> anyhow::Result<()> {
    for name in images {
        let image = store.remove(name).with_context(|| format!("cannot remove {name}"))?;
        println!("removed {}", if image.references.is_empty() { &image.id } else { name });
    }
    Ok(())
}
