// Something that happens again and again, and those who follow it.

export function signal() {
  const followers = [];
  return {
    follow: (follower) => followers.push(follower),
    tell: (...about) => {
      for (const follower of followers) follower(...about);
    },
  };
}
