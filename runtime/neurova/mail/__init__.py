"""Send mails: to an SMTP server, or into files."""
