//! Results as Markdown or JSON.

use super::Output;
use super::compare::Side;
use super::row::Measured;

/// One server's rows.
pub fn runs(output: Output, rows: &[Measured]) -> anyhow::Result<()> {
    if output == Output::Json {
        println!("{}", serde_json::to_string_pretty(rows)?);
        return Ok(());
    }
    println!("| row | per s | p50 ms | p90 ms | p99 ms | max ms | CPU s per 1,000 | peak MiB |");
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        let optional = |value: Option<f64>, digits: usize| {
            value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "| {} | {:.0} | {:.3} | {:.3} | {:.3} | {:.3} | {} | {} |",
            row.row,
            row.per_second,
            row.p50,
            row.p90,
            row.p99,
            row.max,
            optional(row.cpu_per_1000, 4),
            optional(row.peak_mib, 0),
        );
    }
    Ok(())
}

/// Both servers' rows with their ratios: above 1 ours is better, in every column.
pub fn compared(output: Output, ours: &Side, etcd: &Side) -> anyhow::Result<()> {
    if output == Output::Json {
        let both = serde_json::json!({ "coracle": ours, "etcd": etcd });
        println!("{}", serde_json::to_string_pretty(&both)?);
        return Ok(());
    }
    println!(
        "| row | per s | etcd | ratio | p50 ms | etcd | p99 ms | etcd | ratio \
         | CPU s per 1,000 | etcd | ratio | peak MiB | etcd |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (a, b) in ours.rows.iter().zip(&etcd.rows) {
        let cpu = |row: &Measured| row.cpu_per_1000.unwrap_or_default();
        let peak = |row: &Measured| row.peak_mib.unwrap_or_default();
        println!(
            "| {} | {:.0} | {:.0} | **{:.2}** | {:.3} | {:.3} | {:.3} | {:.3} | **{:.2}** \
             | {:.4} | {:.4} | {:.2} | {:.0} | {:.0} |",
            a.row,
            a.per_second,
            b.per_second,
            a.per_second / b.per_second,
            a.p50,
            b.p50,
            a.p99,
            b.p99,
            b.p99 / a.p99,
            cpu(a),
            cpu(b),
            cpu(b) / cpu(a),
            peak(a),
            peak(b),
        );
    }
    if let (Some(ours), Some(etcd)) = (&ours.figures, &etcd.figures) {
        println!("\n| figure | unit | coracle | etcd | ratio |\n|---|---|---|---|---|");
        for ((name, unit, a), (_, _, b)) in ours.all().into_iter().zip(etcd.all()) {
            let ratio = if a > 0.0 { format!("{:.2}", b / a) } else { "–".to_owned() };
            println!("| {name} | {unit} | {a:.3} | {b:.3} | {ratio} |");
        }
    }
    Ok(())
}
