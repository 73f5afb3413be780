"""The one package that writes to clusters: `trial` tries a plan, `execution` carries it out, `sender` sends."""
