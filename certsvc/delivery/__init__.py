"""What leaves the house for people: messages by SMS and by mail. Each edge is one module behind one interface."""
