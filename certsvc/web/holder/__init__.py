"""The holder's own pages: sign in, see one's record whole, download, share, apply for reissue; the shared record."""
