# Gives apt a system of its own below $root, with the repository that it upgrades from: a kernel whose next build is a
# package of another name, and a package that is on hold.
mkdir -p "$root"/{dpkg/info,lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,log,repository}
cd "$root"
package() {
  printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: x\n' "$@"
}
installed() { printf 'Status: %s ok installed\n\n' "$1"; }
offered() { printf 'Filename: ./%s.deb\nSize: 1\nSHA256: %064d\n\n' "$1" 1; }
{
  package linux-image 6.1.0-1; echo 'Depends: linux-image-6.1.0-1'; installed install
  package linux-image-6.1.0-1 1; installed install
  package held 1; installed hold
} > dpkg/status
{
  package linux-image 6.1.0-2; echo 'Depends: linux-image-6.1.0-2'; offered a
  package linux-image-6.1.0-2 1; offered b
  package held 2; offered c
} > repository/Packages
echo "deb [trusted=yes] file:$root/repository ./" > etc/sources.list
cat > apt.conf <<CONF
Dir::State "$root"; Dir::State::status "$root/dpkg/status"; Dir::Cache "$root/cache"; Dir::Etc "$root/etc";
Dir::Log "$root/log"; APT::Architecture "amd64"; APT::Sandbox::User "";
CONF
apt-get -q -c apt.conf update >/dev/null
