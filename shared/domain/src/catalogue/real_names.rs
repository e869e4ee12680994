//! Each base image's patterns against names that its publisher gave: real ones, and look-alikes.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;

/// The base images that an image of this name is one of, as `ubuntu-22.04/x86_64`: each vendor's rule, written down
/// without the catalogue's patterns.
fn expected(name: &str) -> BTreeSet<String> {
    let dashed: Vec<&str> = name.split('-').collect();
    let (bases, arch): (Vec<String>, &str) = match dashed.as_slice() {
        ["al2023", "ami", version, "kernel", kernel, arch] if version.starts_with("2023.") => {
            (vec!["amazon-linux-2023".into(), format!("amazon-linux-2023-kernel-{kernel}")], arch)
        }
        ["al2023", "ami", "minimal", version, "kernel", _, arch] if version.starts_with("2023.") => {
            (vec!["amazon-linux-2023-minimal".into()], arch)
        }
        ["amzn2", "ami", "hvm", _, arch, "gp2"] => (vec!["amazon-linux-2-kernel-4.14".into()], arch),
        ["amzn2", "ami", "kernel", kernel, "hvm", _, arch, "gp2"] => {
            (vec!["amazon-linux-2".into(), format!("amazon-linux-2-kernel-{kernel}")], arch)
        }
        ["amzn2", "ami", "minimal", "kernel", _, "hvm", _, arch, "gp2"] => {
            (vec!["amazon-linux-2-minimal".into()], arch)
        }
        ["al2023", "ami", "ecs", "hvm", _, "kernel", _, arch] => (vec!["ecs-amazon-linux-2023".into()], arch),
        ["al2023", "ami", "ecs", "gpu", "hvm", _, "kernel", _, arch, "ebs"] => {
            (vec!["ecs-amazon-linux-2023-gpu".into()], arch)
        }
        ["amzn2", "ami", "ecs", "hvm", _, arch, "ebs"] => (vec!["ecs-amazon-linux-2".into()], arch),
        ["amzn2", "ami", "ecs", "gpu", "hvm", _, arch, "ebs"] => (vec!["ecs-amazon-linux-2-gpu".into()], arch),
        ["amzn2", "ami", "ecs", "kernel", "5.10", "hvm", _, arch, "ebs"] => {
            (vec!["ecs-amazon-linux-2-kernel-5.10".into()], arch)
        }
        ["amazon", "eks", "node", "al2023", arch, "standard", version, _] => {
            (vec![format!("eks-{version}-amazon-linux-2023")], arch)
        }
        ["bottlerocket", "aws", "k8s", version, arch, _, _] => (vec![format!("bottlerocket-k8s-{version}")], arch),
        ["bottlerocket", "aws", "ecs", "2", arch, _, _] => (vec!["bottlerocket-ecs-2".into()], arch),
        ["debian", release, arch, _, _] => (vec![format!("debian-{release}")], arch),
        ["RHEL", version, _, arch, _, "Hourly2", _] => match version.split_once('.') {
            Some((major, minor)) if minor.ends_with("_HVM") || minor.ends_with("_HVM_GA") => {
                (vec![format!("rhel-{major}")], arch)
            }
            _ => return BTreeSet::new(),
        },
        ["Rocky", major, "EC2", "Base", _, rest] => match rest.rsplit_once('.') {
            Some((_, arch)) => (vec![format!("rocky-{major}")], arch),
            None => return BTreeSet::new(),
        },
        ["suse", "sles", "15", "sp7", _, "hvm", "ssd", arch] => (vec!["sles-15".into()], arch),
        ["suse", "sles", "16", "0", _, "hvm", "ssd", arch] => (vec!["sles-16".into()], arch),
        ["Windows_Server", year, "English", "Full", "Base", _] => (vec![format!("windows-{year}")], "x86_64"),
        ["Windows_Server", year, "English", "Core", "Base", _] => (vec![format!("windows-{year}-core")], "x86_64"),
        _ => match ubuntu(name).or_else(|| deep_learning(name)) {
            Some((base, arch)) => (vec![base], arch),
            None => return BTreeSet::new(),
        },
    };
    let arch = match arch {
        "x86_64" | "amd64" => "x86_64",
        "arm64" | "aarch64" => "arm64",
        _ => return BTreeSet::new(),
    };
    let known = |base: &String| Catalogue::built_in().iter().any(|one| one.name.as_str() == base);
    bases.into_iter().filter(known).map(|base| format!("{base}/{arch}")).collect()
}

fn ubuntu(name: &str) -> Option<(String, &str)> {
    let path: Vec<&str> = name.split('/').collect();
    let [product, "images", "hvm-ssd" | "hvm-ssd-gp3", file] = path.as_slice() else { return None };
    let words: Vec<&str> = file.split('-').collect();
    match (*product, words.as_slice()) {
        ("ubuntu", ["ubuntu", _, release, arch, "server", ..]) => Some((format!("ubuntu-{release}"), arch)),
        ("ubuntu-minimal", ["ubuntu", _, release, arch, "minimal", ..]) => {
            Some((format!("ubuntu-{release}-minimal"), arch))
        }
        _ => None,
    }
}

fn deep_learning(name: &str) -> Option<(String, &str)> {
    let rest = name.strip_prefix("Deep Learning ")?;
    let (rest, arch) = rest.strip_prefix("ARM64 ").map_or((rest, "x86_64"), |rest| (rest, "arm64"));
    let (system, _) = rest.strip_prefix("Base OSS Nvidia Driver GPU AMI (")?.split_once(") ")?;
    Some((format!("deep-learning-base-{}", system.to_lowercase().replace(' ', "-")), arch))
}

/// The base images whose patterns an image of this name fits, whoever owns it.
fn found(name: &str) -> BTreeSet<String> {
    let catalogue = Catalogue::built_in();
    let fitting = catalogue
        .on_every_architecture()
        .filter(|(base, architecture)| base.source(*architecture).is_some_and(|source| source.admits(name)));
    fitting.map(|(base, architecture)| format!("{}/{architecture}", base.name)).collect()
}

/// A file of real names; nothing, said aloud, where there is none.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn data(file: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(file);
    let read = std::fs::read(&path).ok();
    if read.is_none() {
        eprintln!("SKIPPED: there is no {file}, whose names the catalogue is tested with");
    }
    read.map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

fn texts<'a>(entries: &'a Value, field: &'a str) -> impl Iterator<Item = &'a str> {
    entries.as_array().into_iter().flatten().filter_map(move |entry| entry[field].as_str())
}

/// Each name fits the base images that the rules tell, and no other.
fn all_fit_what_they_are(names: &BTreeSet<&str>) {
    assert!(!names.is_empty());
    for name in names {
        assert_eq!(found(name), expected(name), "{name}");
    }
}

/// Real names of AMIs, each with the base images that the catalogue finds under that name.
const NAMES: &str = "
al2023-ami-2023.12.20260930.0-kernel-6.1-x86_64 | amazon-linux-2023/x86_64 amazon-linux-2023-kernel-6.1/x86_64
al2023-ami-2023.12.20260930.0-kernel-6.12-arm64 | amazon-linux-2023/arm64 amazon-linux-2023-kernel-6.12/arm64
al2023-ami-minimal-2023.12.20260930.0-kernel-6.18-arm64 | amazon-linux-2023-minimal/arm64
amzn2-ami-kernel-5.10-hvm-2.0.20260930.0-x86_64-gp2 | amazon-linux-2/x86_64 amazon-linux-2-kernel-5.10/x86_64
amzn2-ami-hvm-2.0.20260930.0-arm64-gp2 | amazon-linux-2-kernel-4.14/arm64
amzn2-ami-minimal-kernel-5.10-hvm-2.0.20260930.0-x86_64-gp2 | amazon-linux-2-minimal/x86_64
al2027-preview-ami-2027.0.20260914.0-kernel-7.1-x86_64 |
al2022-ami-2022.0.20220728.1-kernel-5.15-x86_64 |
amzn-ami-hvm-2018.03.0.20231218.0-x86_64-gp2 |
al2023-ami-ecs-hvm-2023.0.20260924-kernel-6.1-arm64 | ecs-amazon-linux-2023/arm64
al2023-ami-ecs-gpu-hvm-2023.0.20260918-kernel-6.1-x86_64-ebs | ecs-amazon-linux-2023-gpu/x86_64
al2023-ami-ecs-neuron-hvm-2023.0.20260922-kernel-6.1-x86_64 |
amzn2-ami-ecs-hvm-2.0.20260924-arm64-ebs | ecs-amazon-linux-2/arm64
amzn2-ami-ecs-gpu-hvm-2.0.20260924-x86_64-ebs | ecs-amazon-linux-2-gpu/x86_64
amzn2-ami-ecs-kernel-5.10-hvm-2.0.20260924-x86_64-ebs | ecs-amazon-linux-2-kernel-5.10/x86_64
amzn2-ami-ecs-kernel-5.10-gpu-hvm-2.0.20260924-x86_64-ebs |
amzn2-ami-ecs-inf-hvm-2.0.20260914-x86_64-ebs |
amazon-eks-node-al2023-x86_64-standard-1.35-v20260930 | eks-1.35-amazon-linux-2023/x86_64
amazon-eks-node-al2023-x86_64-nvidia-1.35-v20260930 |
bottlerocket-aws-k8s-1.33-x86_64-v1.46.0-431fe75a | bottlerocket-k8s-1.33/x86_64
bottlerocket-aws-k8s-1.33-nvidia-aarch64-v1.54.0-5043decc |
bottlerocket-aws-k8s-1.34-fips-x86_64-v1.54.0-5043decc |
bottlerocket-aws-ecs-2-aarch64-v1.42.0-5ed15786 | bottlerocket-ecs-2/arm64
bottlerocket-aws-ecs-2-nvidia-x86_64-v1.42.0-5ed15786 |
ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260714 | ubuntu-22.04/x86_64
ubuntu/images/hvm-ssd-gp3/ubuntu-resolute-26.04-arm64-server-20260714 | ubuntu-26.04/arm64
ubuntu-minimal/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-minimal-20260923 | ubuntu-24.04-minimal/x86_64
ubuntu-pro-server/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-pro-server-20260923 |
ubuntu-eks/k8s_1.34/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260923 |
ubuntu/images-testing/hvm-ssd-gp3/ubuntu-noble-daily-amd64-server-20260923 |
debian-12-arm64-20260914-2601 | debian-12/arm64
debian-13-backports-amd64-20260914-2601 |
debian-12-amd64-daily-20260914-2601 |
Rocky-8-EC2-Base-8.10-20260625.0.x86_64 | rocky-8/x86_64
Rocky-9-EC2-Base-9.3-20231113.0.aarch64 | rocky-9/arm64
Rocky-10-EC2-Base-10.0-20250612.0.x86_64 | rocky-10/x86_64
Rocky-9-EC2-LVM-9.4-20240523.0.x86_64 |
Rocky-8-EC2-Base-8.9-20231119.0.x86_64-d6577ceb-8ea8-4e0e-84c6-f098fc302e82 |
RHEL-9.8.0_HVM-20260728-arm64-0-Hourly2-GP3 | rhel-9/arm64
RHEL-8.8_HVM-20241008-x86_64-2247-Hourly2-GP3 | rhel-8/x86_64
RHEL-10.0.0_HVM_GA-20250521-x86_64-0-Hourly2-GP3 | rhel-10/x86_64
RHEL-10.0.0_HVM-20251030-x86_64-0-Access2-GP3 |
RHEL-9.4.0_HVM_BETA-20240411-x86_64-30-Hourly2-GP3 |
RHEL_HA-9.5.0_HVM_GA-20241029-x86_64-0-Hourly2-GP3 |
RHEL_8.10-x86_64-SQL_2022_Standard-2024.06.19 |
suse-sles-15-sp7-v20260630-hvm-ssd-arm64 | sles-15/arm64
suse-sles-15-sp6-v20260919-hvm-ssd-x86_64 |
suse-sles-15-sp7-v20260922-ecs-hvm-ssd-x86_64 |
suse-sles-15-sp6-chost-byos-v20260921-hvm-ssd-x86_64 |
suse-sles-15-sp5-sapcal-v20260922-hvm-ssd-x86_64 |
suse-sles-16-0-v20260703-hvm-ssd-x86_64 | sles-16/x86_64
suse-sles-16-0-v20260703-ecs-hvm-ssd-x86_64 |
Windows_Server-2022-English-Full-Base-2026.09.17 | windows-2022/x86_64
Windows_Server-2025-English-Core-Base-2026.09.17 | windows-2025-core/x86_64
Windows_Server-2022-English-Full-SQL_2022_Standard-2026.09.17 |
Windows_Server-2019-English-Full-ECS_Optimized-2019.05.10 |
Windows_Server-2016-English-Full-Base-2017.10.13 |
Windows_Server-2022-English-Full-Base-2026.09.17-Beta |
Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) 20260901 | deep-learning-base-ubuntu-24.04/x86_64
Deep Learning ARM64 Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023) 20260929 | deep-learning-base-amazon-linux-2023/arm64
Deep Learning Base AMI with Single CUDA (Ubuntu 22.04) 20260102 |
";

#[test]
fn every_base_image_takes_its_own_names_and_no_others() {
    let names = || NAMES.trim().lines().map(|line| line.split_once(" |").unwrap());
    for (name, bases) in names() {
        assert_eq!(found(name), bases.split_whitespace().map(str::to_owned).collect(), "{name}");
        assert_eq!(expected(name), found(name), "the rule of {name}");
    }
    let told: BTreeSet<&str> = names().flat_map(|(_, bases)| bases.split_whitespace()).collect();
    let vendors = |names: &BTreeSet<&str>| {
        names.iter().map(|name| name.split('-').next().unwrap_or_default().to_owned()).collect::<BTreeSet<_>>()
    };
    let all: Vec<String> = Catalogue::built_in().iter().map(|base| base.name.to_string()).collect();
    assert_eq!(vendors(&told), vendors(&all.iter().map(String::as_str).collect()));
}

#[test]
fn look_alikes_are_told_from_what_they_look_like() {
    let Some(traps) = data("ami_name_traps.json") else { return };
    let names = traps["names"].as_array().unwrap();
    assert!(names.len() > 20);
    for entry in names {
        let (name, owner) = (entry["name"].as_str().unwrap(), entry["owner"].as_str().unwrap());
        assert_eq!(found(name), expected(name), "{name}");
        let bases = found(name);
        let whole = bases.iter().filter(|base| !base.contains("-minimal/")).count();
        // One name was cited without its architecture, and so is nobody's.
        let elided = entry["note"].as_str().is_some_and(|note| note.contains("elided"));
        assert_eq!(whole > 0, entry["ordinary"] == true && !elided, "{name}");
        let owners: BTreeSet<_> = Catalogue::built_in()
            .iter()
            .filter(|base| bases.iter().any(|found| found.starts_with(&format!("{}/", base.name))))
            .map(|base| base.owner.to_string())
            .collect();
        assert!(owners.iter().all(|one| one == owner), "{name} is of {owner}, not {owners:?}");
    }
}

#[test]
fn every_real_name_of_amazon_linux_and_ecs_is_taken_for_what_it_is() {
    if let Some(releases) = data("amazon_linux_releases.json") {
        let names = releases.as_array().unwrap().iter().flat_map(|one| one["ami_names"].as_array().unwrap());
        all_fit_what_they_are(&names.filter_map(Value::as_str).collect());
    }
    if let Some(timeline) = data("ecs_ami_timeline_3regions.json") {
        let lines = timeline.as_object().unwrap().values().flat_map(|region| region.as_object().unwrap().values());
        let names = lines.flat_map(|line| {
            texts(&line["releases"], "image_name").chain(texts(&line["releases"], "source_image_name"))
        });
        all_fit_what_they_are(&names.collect());
    }
}

#[test]
fn every_real_name_of_ubuntu_and_windows_is_taken_for_what_it_is() {
    if let Some(images) = data("ubuntu_debian_images_via_kops.json") {
        let names: BTreeSet<&str> = texts(&images, "name").collect();
        all_fit_what_they_are(&names);
        assert!(names.iter().all(|name| !found(name).is_empty()));
    }
    if let Some(releases) = data("windows_ami_releases.json") {
        let of_day = |day: &str| {
            let of_year =
                |year| ["Full", "Core"].map(|kind| format!("Windows_Server-{year}-English-{kind}-Base-{day}"));
            [2019, 2022, 2025].map(of_year).concat()
        };
        let names: Vec<String> = texts(&releases["releases"], "release").flat_map(of_day).collect();
        all_fit_what_they_are(&names.iter().map(String::as_str).collect());
        assert!(names.iter().all(|name| found(name).len() == 1));
    }
}

#[test]
fn every_parameter_of_amazon_linux_exists() {
    let Some(regions) = data("al_latest_ssm_params_2regions.json") else { return };
    for (region, parameters) in regions.as_object().unwrap() {
        let known: BTreeSet<&str> = texts(parameters, "Name").collect();
        for (base, architecture) in Catalogue::built_in().on_every_architecture() {
            if base.owner.as_str() == "137112412989" {
                let parameter = base.source(architecture).unwrap().parameter.unwrap();
                assert!(known.contains(parameter.as_str()), "{parameter} in {region}");
            }
        }
    }
}
