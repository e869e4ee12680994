"""`python -m tests.local_aws start|stop`: the embedded AWS from the command line."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.local_aws import LocalAws  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.local_aws", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start it on a free port and deploy the template")
    start.add_argument("--template", default="infra/template.yaml")
    start.add_argument("--functions-dir", default="target/lambda", help="holds <function>/bootstrap")
    start.add_argument("--bin-dir", default="target/debug", help="where prism is, for the PATH in the env file")
    start.add_argument("--stack-name", default="prism-auto-ami")
    start.add_argument("--region", default="us-east-1")
    start.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template")
    start.add_argument("--auth", action="store_true", help="enforce the functions' roles")
    start.add_argument("--at", metavar="RFC3339", help="the virtual time at the start")
    stop = commands.add_parser("stop", help="end it and all that it started")
    for command in (start, stop):
        command.add_argument("--state-dir", default="target/local")
    arguments = parser.parse_args()
    if arguments.command == "stop":
        LocalAws.stop_in(arguments.state_dir)
        return
    aws = LocalAws.start(
        arguments.state_dir,
        arguments.template,
        arguments.functions_dir,
        region=arguments.region,
        stack_name=arguments.stack_name,
        parameters=dict(one.split("=", 1) for one in arguments.parameter),
        auth=arguments.auth,
        at=arguments.at,
        bin_dir=arguments.bin_dir,
        outlives=True,
    )
    print(f"{aws.endpoint} is up; see {aws.state_dir}/outputs.json and {aws.state_dir}/env")


if __name__ == "__main__":
    main()
