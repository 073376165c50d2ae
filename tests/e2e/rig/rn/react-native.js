// Stands for react-native: the SDK asks for the platform only.
export const Platform = { OS: "ios" };
