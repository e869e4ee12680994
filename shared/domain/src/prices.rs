//! What instances cost: Linux, on demand, us-east-1, July 2026, in micro-dollars an hour.
//!
//! Facts, for the sizes that images are built on, from karpenter-provider-aws
//! (`pkg/providers/pricing/zz_generated.pricing_aws.go`, Apache-2.0), which takes them from the AWS
//! price list: <https://aws.amazon.com/ec2/pricing/on-demand/>.

use crate::money::MicroDollars;

/// Families and what their sizes cost.
#[rustfmt::skip]
const PRICES: &[(&str, &[(&str, i64)])] = &[
    ("t3", &[("small", 20_800), ("medium", 41_600), ("large", 83_200), ("xlarge", 166_400), ("2xlarge", 332_800)]),
    ("t3a", &[("small", 18_800), ("medium", 37_600), ("large", 75_200), ("xlarge", 150_400), ("2xlarge", 300_800)]),
    ("t4g", &[("small", 16_800), ("medium", 33_600), ("large", 67_200), ("xlarge", 134_400), ("2xlarge", 268_800)]),
    ("m5", &[("large", 96_000), ("xlarge", 192_000), ("2xlarge", 384_000), ("4xlarge", 768_000)]),
    ("m5a", &[("large", 86_000), ("xlarge", 172_000), ("2xlarge", 344_000), ("4xlarge", 688_000)]),
    ("m6a", &[("large", 86_400), ("xlarge", 172_800), ("2xlarge", 345_600), ("4xlarge", 691_200)]),
    ("m6i", &[("large", 96_000), ("xlarge", 192_000), ("2xlarge", 384_000), ("4xlarge", 768_000)]),
    ("m6g", &[("medium", 38_500), ("large", 77_000), ("xlarge", 154_000), ("2xlarge", 308_000), ("4xlarge", 616_000)]),
    ("m7a", &[("medium", 57_960), ("large", 115_920), ("xlarge", 231_840), ("2xlarge", 463_680), ("4xlarge", 927_360)]),
    ("m7i", &[("large", 100_800), ("xlarge", 201_600), ("2xlarge", 403_200), ("4xlarge", 806_400)]),
    ("m7i-flex", &[("large", 95_760), ("xlarge", 191_520), ("2xlarge", 383_040), ("4xlarge", 766_080)]),
    ("m7g", &[("medium", 40_800), ("large", 81_600), ("xlarge", 163_200), ("2xlarge", 326_400), ("4xlarge", 652_800)]),
    ("m8a", &[("medium", 60_860), ("large", 121_720), ("xlarge", 243_440), ("2xlarge", 486_880), ("4xlarge", 973_760)]),
    ("m8i", &[("large", 105_840), ("xlarge", 211_680), ("2xlarge", 423_360), ("4xlarge", 846_720)]),
    ("m8g", &[("medium", 44_880), ("large", 89_760), ("xlarge", 179_520), ("2xlarge", 359_040), ("4xlarge", 718_080)]),
    ("c5", &[("large", 85_000), ("xlarge", 170_000), ("2xlarge", 340_000), ("4xlarge", 680_000)]),
    ("c6a", &[("large", 76_500), ("xlarge", 153_000), ("2xlarge", 306_000), ("4xlarge", 612_000)]),
    ("c6i", &[("large", 85_000), ("xlarge", 170_000), ("2xlarge", 340_000), ("4xlarge", 680_000)]),
    ("c6g", &[("medium", 34_000), ("large", 68_000), ("xlarge", 136_000), ("2xlarge", 272_000), ("4xlarge", 544_000)]),
    ("c7a", &[("medium", 51_320), ("large", 102_640), ("xlarge", 205_280), ("2xlarge", 410_560), ("4xlarge", 821_120)]),
    ("c7i", &[("large", 89_250), ("xlarge", 178_500), ("2xlarge", 357_000), ("4xlarge", 714_000)]),
    ("c7g", &[("medium", 36_300), ("large", 72_500), ("xlarge", 145_000), ("2xlarge", 290_000), ("4xlarge", 580_000)]),
    ("c8i", &[("large", 93_710), ("xlarge", 187_420), ("2xlarge", 374_840), ("4xlarge", 749_680)]),
    ("c8g", &[("medium", 39_880), ("large", 79_760), ("xlarge", 159_520), ("2xlarge", 319_040), ("4xlarge", 638_080)]),
    ("r5", &[("large", 126_000), ("xlarge", 252_000), ("2xlarge", 504_000), ("4xlarge", 1_008_000)]),
    ("r6i", &[("large", 126_000), ("xlarge", 252_000), ("2xlarge", 504_000), ("4xlarge", 1_008_000)]),
    ("r6g", &[("medium", 50_400), ("large", 100_800), ("xlarge", 201_600), ("2xlarge", 403_200), ("4xlarge", 806_400)]),
    ("r7i", &[("large", 132_300), ("xlarge", 264_600), ("2xlarge", 529_200), ("4xlarge", 1_058_400)]),
    ("r7g", &[("medium", 53_600), ("large", 107_100), ("xlarge", 214_200), ("2xlarge", 428_400), ("4xlarge", 856_800)]),
    ("r8i", &[("large", 138_920), ("xlarge", 277_840), ("2xlarge", 555_680), ("4xlarge", 1_111_360)]),
    ("r8g", &[("medium", 58_910), ("large", 117_820), ("xlarge", 235_640), ("2xlarge", 471_280), ("4xlarge", 942_560)]),
    ("g4dn", &[("xlarge", 526_000), ("2xlarge", 752_000), ("4xlarge", 1_204_000)]),
    ("g5", &[("xlarge", 1_006_000), ("2xlarge", 1_212_000), ("4xlarge", 1_624_000)]),
    ("g5g", &[("xlarge", 420_000), ("2xlarge", 556_000), ("4xlarge", 828_000)]),
    ("g6", &[("xlarge", 804_800), ("2xlarge", 977_600), ("4xlarge", 1_323_200)]),
];

/// The price of an hour of an instance type, where it is known. An estimate in other regions.
#[must_use]
pub fn hourly_price(instance_type: &str) -> Option<MicroDollars> {
    let (family, size) = instance_type.split_once('.')?;
    let (_, sizes) = PRICES.iter().find(|(name, _)| *name == family)?;
    sizes.iter().find(|(name, _)| *name == size).map(|(_, price)| MicroDollars(*price))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real prices of all types, where they are at hand: beside a checkout of the project.
    const REAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ec2_ondemand_prices_us-east-1.json");

    #[test]
    fn common_builder_types_have_a_price() {
        for (instance_type, price) in [("t3.medium", 41_600), ("m7g.xlarge", 163_200), ("g5.xlarge", 1_006_000)] {
            assert_eq!(hourly_price(instance_type), Some(MicroDollars(price)), "{instance_type}");
        }
        for unknown in ["", "m7i", "m7i.", ".large", "m7i.LARGE", "x9.large"] {
            assert_eq!(hourly_price(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn no_type_is_listed_twice() {
        let listed = || PRICES.iter().flat_map(|(family, sizes)| sizes.iter().map(move |(size, _)| (family, size)));
        let distinct: std::collections::BTreeSet<_> = listed().collect();
        assert_eq!(distinct.len(), listed().count());
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped comparison must be seen")]
    fn every_price_is_the_real_one() {
        let Ok(real) = std::fs::read_to_string(REAL) else {
            eprintln!("SKIPPED: no real prices to compare with at {REAL}");
            return;
        };
        let real: serde_json::Value = serde_json::from_str(&real).unwrap();
        let real = &real["usd_per_hour_linux_ondemand"]["us-east-1"];
        for (family, sizes) in PRICES {
            for (size, price) in *sizes {
                let told = &real[format!("{family}.{size}")];
                assert_eq!(told.to_string().parse::<MicroDollars>().unwrap(), MicroDollars(*price), "{family}.{size}");
            }
        }
    }
}
